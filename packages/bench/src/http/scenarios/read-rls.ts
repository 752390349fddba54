/** One row by primary key with a token, under a policy; each fifth request is for a row that the policy hides. */
import type { LoadRequest } from '../load/messages.ts';
import { type Scenario, spread } from '../scenario.ts';

const OWNERS = 100;
const OWNER = 7;

function requests(path: (id: number) => string, token: string): LoadRequest[] {
  return spread(100, 100).map((nth, index) => {
    const hidden = index % 5 === 4;
    const id = (nth - 1) * OWNERS + OWNER + (hidden ? 1 : 0);
    return {
      method: 'GET',
      path: path(id),
      headers: { authorization: `Bearer ${token}` },
      status: 200,
      includes: hidden ? '[]' : `"note ${id}"`,
    };
  });
}

export const readRls: Scenario = {
  name: 'read-rls',
  title: 'the same under a JWT and row-level security',
  connections: 50,
  async start(fixture) {
    const token = await fixture.token(`user-${OWNER}`);
    const [gateway, route] = await Promise.all([fixture.gateway({ CACHE_BYTES: '0' }), fixture.baseline('read-rls')]);
    return {
      ours: { server: gateway, requests: requests((id) => `/rest/v1/notes?id=eq.${id}`, token), target: null },
      others: [{ server: route, requests: requests((id) => `/notes/${id}`, token), target: 3 }],
    };
  },
};
