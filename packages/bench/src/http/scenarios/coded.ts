import type { ServerProcess } from '../../processes/server.ts';
import type { LoadRequest } from '../load/messages.ts';
import type { Baseline, Scenario } from '../scenario.ts';
import { mostlyHits, untilCached } from './cached.ts';
import { listRequests } from './list.ts';

const CODINGS = ['br', 'gzip'];

/** A compressed response is checked by its length. */
const codedBaselines = (gateway: ServerProcess): Promise<Baseline[]> =>
  Promise.all(
    CODINGS.map(async (coding) => {
      const headers = { 'accept-encoding': coding };
      const requests: LoadRequest[] = [];
      for (const request of listRequests) {
        const response = await fetch(`${gateway.url}${request.path}`, { headers });
        await response.arrayBuffer();
        requests.push({ ...request, headers, bytes: Number(response.headers.get('content-length')) });
      }
      return { server: { ...gateway, name: coding }, requests, target: null };
    }),
  );

export const listCoded: Scenario = {
  name: 'list-coded',
  title: 'list, plain and compressed',
  connections: 50,
  async start(fixture) {
    const gateway = await fixture.gateway({ CACHE_BYTES: '0' });
    return { gateway: { server: gateway, requests: listRequests }, baselines: await codedBaselines(gateway) };
  },
};

/** A cached body keeps its compressed forms, so that a hit compresses nothing. */
export const cachedCoded: Scenario = {
  name: 'cached-coded',
  title: 'cached list, plain and compressed',
  connections: 50,
  async start(fixture) {
    const [gateway] = await Promise.all([fixture.gateway(), fixture.realtime()]);
    await untilCached(gateway.url, listRequests);
    return {
      gateway: { server: gateway, requests: listRequests },
      baselines: await codedBaselines(gateway),
      check: () => mostlyHits(gateway.url, listRequests.length),
    };
  },
};
