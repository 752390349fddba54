import { until } from '../../measuring/waiting.ts';
import { readMetrics } from '../../processes/service-metrics.ts';
import type { LoadRequest } from '../load/messages.ts';
import type { Scenario } from '../scenario.ts';
import { itemRequests } from './read.ts';

const FILL_MS = 20_000;
const MAX_MISSES = 0.1;
/** Concurrent requests for a path miss before it is cached. */
const FIRST_MISSES = 4;

/** A run of any length must fill the cache. */
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
    await untilCached(gateway.url, requests.slice(0, 1));
    return {
      gateway: { server: gateway, requests },
      baselines: [
        {
          server: constant,
          requests: [{ method: 'GET', path: '/items', status: 200, includes: '"item 17"' }],
          target: 0.85,
        },
      ],
      check: () => mostlyHits(gateway.url, requests.length),
    };
  },
};

export async function untilCached(url: string, requests: readonly LoadRequest[]): Promise<void> {
  for (const { path, headers = {} } of requests) {
    let status = 'none';
    const isCached = async () => {
      const response = await fetch(`${url}${path}`, { headers });
      await response.arrayBuffer();
      status = response.headers.get('cache-status') ?? 'none';
      return status.includes('hit');
    };
    await until(() => `a response from the cache (its status is "${status}")`, isCached, FILL_MS);
  }
}

export async function mostlyHits(url: string, paths: number): Promise<string | undefined> {
  const read = await readMetrics(url);
  const hits = read('tidemark_cache_hits_total');
  const misses = read('tidemark_cache_misses_total');
  const max = FIRST_MISSES * paths + MAX_MISSES * (hits + misses);
  return misses <= max ? undefined : `${misses} of ${hits + misses} responses did not come from the cache`;
}
