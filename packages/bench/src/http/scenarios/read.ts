/** One row by primary key, as anon, from Postgres each time. */
import type { LoadRequest } from '../load/messages.ts';
import { type Scenario, spread } from '../scenario.ts';

const QUERY = 'query ($id: Int!) { itemById(id: $id) { id name price stock createdAt } }';
const ids = spread(1_000, 10_000);

export const itemRequests: readonly LoadRequest[] = ids.map((id) => ({
  ...{ method: 'GET', path: `/rest/v1/items?id=eq.${id}`, status: 200, includes: `"item ${id}"` },
}));

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
    const graph: readonly LoadRequest[] = ids.map((id) => ({
      method: 'POST',
      path: '/graphql',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: QUERY, variables: { id } }),
      status: 200,
      includes: `"item ${id}"`,
    }));
    return {
      ours: { server: gateway, requests: itemRequests, target: null },
      others: [
        {
          server: route,
          requests: ids.map((id) => ({ method: 'GET', path: `/items/${id}`, status: 200, includes: `"item ${id}"` })),
          target: 1,
        },
        { server: postgraphile, requests: graph, target: 3 },
        { server: noRole, requests: graph, target: 3 },
      ],
    };
  },
};
