/** The lists of `list`, compressed: what each coding costs beside the plain answer. */
import type { LoadRequest } from '../load/messages.ts';
import type { Scenario } from '../scenario.ts';
import { listRequests } from './list.ts';

/** Under `coding`, an answer is known by its length instead of a text in it. */
async function coded(url: string, coding: string): Promise<LoadRequest[]> {
  const headers = { 'accept-encoding': coding };
  const requests: LoadRequest[] = [];
  for (const request of listRequests) {
    const answer = await fetch(`${url}${request.path}`, { headers });
    await answer.arrayBuffer();
    requests.push({ ...request, headers, bytes: Number(answer.headers.get('content-length')) });
  }
  return requests;
}

export const listCoded: Scenario = {
  ...{ name: 'list-coded', title: 'list, plain and compressed', connections: 50 },
  async start(fixture) {
    const gateway = await fixture.gateway({ CACHE_BYTES: '0' });
    const others = ['br', 'gzip'].map(async (coding) => ({
      ...{ server: { ...gateway, name: coding }, target: null },
      requests: await coded(gateway.url, coding),
    }));
    return { ours: { server: gateway, requests: listRequests, target: null }, others: await Promise.all(others) };
  },
};
