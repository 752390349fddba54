/** One row by primary key as anon, from Postgres each time. */
import type { LoadRequest } from '../load/messages.ts';
import { postJson, type Scenario, spread } from '../scenario.ts';

const QUERY = 'query ($id: Int!) { itemById(id: $id) { id name price stock createdAt } }';
const ids = spread(1_000, 10_000);
const get = (path: (id: number) => string): LoadRequest[] =>
  ids.map((id) => ({ method: 'GET', path: path(id), status: 200, includes: `"item ${id}"` }));

export const itemRequests: readonly LoadRequest[] = get((id) => `/rest/v1/items?id=eq.${id}`);

export const read: Scenario = {
  name: 'read',
  title: 'read by primary key, cache off',
  connections: 50,
  async start(fixture) {
    const [gateway, route, postgraphile, noRole] = await Promise.all([
      fixture.gateway({ CACHE_BYTES: '0' }),
      fixture.baseline('read'),
      fixture.baseline('postgraphile'),
      fixture.baseline('postgraphile-no-role'),
    ]);
    const graphQl = ids.map((id) => postJson('/graphql', { query: QUERY, variables: { id } }, 200, `"item ${id}"`));
    return {
      gateway: { server: gateway, requests: itemRequests },
      baselines: [
        { server: route, requests: get((id) => `/items/${id}`), target: 1 },
        { server: postgraphile, requests: graphQl, target: 3 },
        { server: noRole, requests: graphQl, target: 3 },
      ],
    };
  },
};
