/** One row by primary key out of the gateway's cache, which the relay keeps right. */
import { setTimeout as sleep } from 'node:timers/promises';
import { errors } from '../../errors.ts';
import { readMetrics } from '../../processes/service-metrics.ts';
import type { Scenario } from '../scenario.ts';
import { itemRequests } from './read.ts';

const WAIT_MS = 20_000;
const LOOK_MS = 50;
/** Of the gateway's answers. */
const MOST_MISSES = 0.1;
/** Of each address before: the first one to ask misses, and so do those who ask while it is filled. */
const FIRST_MISSES = 4;

/** Few: a run of any length has filled the cache before it counts. */
const requests = itemRequests.slice(0, 50);

export const cached: Scenario = {
  name: 'cached',
  title: 'cached read',
  connections: 50,
  async start(fixture) {
    const [gateway, constant] = await Promise.all([
      fixture.gateway(),
      fixture.baseline('constant'),
      fixture.realtime(),
    ]);
    await servesFromCache(`${gateway.url}${requests[0]!.path}`);
    return {
      ours: { server: gateway, requests, target: null },
      others: [
        {
          server: constant,
          requests: [{ method: 'GET', path: '/items', status: 200, includes: '"item 17"' }],
          target: 0.85,
        },
      ],
      async check() {
        const figure = await readMetrics(gateway.url);
        const hits = figure('tidemark_cache_hits_total');
        const misses = figure('tidemark_cache_misses_total');
        const most = FIRST_MISSES * requests.length + MOST_MISSES * (hits + misses);
        return misses <= most ? undefined : `${misses} of ${hits + misses} answers did not come from the cache`;
      },
    };
  },
};

async function servesFromCache(url: string): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    const status = answer.headers.get('cache-status') ?? 'none';
    if (status.includes('hit')) return;
    if (Date.now() > deadline) throw errors.CACHE_SILENT({ seconds: WAIT_MS / 1000, status });
    await sleep(LOOK_MS);
  }
}
