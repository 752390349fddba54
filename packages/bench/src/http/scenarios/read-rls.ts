/** The policy hides the row of every fifth request. */
import { signToken } from '../../processes/services.ts';
import type { LoadRequest } from '../load/messages.ts';
import { type Scenario, spread } from '../scenario.ts';

const OWNERS = 100;
const OWNER = 7;

function requests(path: (id: number) => string, token: string): LoadRequest[] {
  return spread(100, 100).map((n, index) => {
    const isHidden = index % 5 === 4;
    const id = (n - 1) * OWNERS + OWNER + (isHidden ? 1 : 0);
    return {
      method: 'GET',
      path: path(id),
      headers: { authorization: `Bearer ${token}` },
      status: 200,
      includes: isHidden ? '[]' : `"note ${id}"`,
    };
  });
}

export const readRls: Scenario = {
  name: 'read-rls',
  title: 'read with a JWT under row-level security',
  connections: 50,
  async start(fixture) {
    const token = await signToken({ sub: `user-${OWNER}` });
    const [gateway, route] = await Promise.all([fixture.gateway({ CACHE_BYTES: '0' }), fixture.baseline('read-rls')]);
    return {
      gateway: { server: gateway, requests: requests((id) => `/rest/v1/notes?id=eq.${id}`, token) },
      baselines: [{ server: route, requests: requests((id) => `/notes/${id}`, token), target: 3 }],
    };
  },
};
