/** Reads that wait until the cache answers. */
import { until } from '@tidemark/testing';
import type { CachedGateway } from './relay.ts';

type Init = Parameters<CachedGateway['request']>[1];

export const statusOf = (answer: Response) => answer.headers.get('cache-status');

export function cachedReads(gateway: CachedGateway) {
  const read = (path: string, init: Init = {}) => gateway.request(path, init);
  /** Returns the first answer to which the cache contributed. On a busy machine it misses heartbeats at times, and then serves none. */
  async function judged(path: string, init: Init = {}): Promise<Response> {
    let answer = await read(path, init);
    await until(async () => {
      if (statusOf(answer) !== 'tidemark; fwd=bypass') return true;
      answer = await read(path, init);
      return false;
    }, `${path} is asked of the cache`);
    return answer;
  }
  /** Reads until a fill has counted: after a change, a replica may have to catch up first. */
  async function warm(path: string, init: Init = {}): Promise<void> {
    await until(async () => statusOf(await read(path, init)) === 'tidemark; hit', `${path} is cached`);
  }
  return { read, judged, warm };
}
