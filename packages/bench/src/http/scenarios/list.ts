/** 50 rows, each with its author and its comments: two embedded tables. Offsets stay below 50, because skipped rows are not measured. */
import type { LoadRequest } from '../load/messages.ts';
import { postJson, type Scenario, spread } from '../scenario.ts';

const ROWS = 50;
const QUERY = `query ($offset: Int!) {
  allPosts(first: ${ROWS}, offset: $offset, orderBy: PRIMARY_KEY_ASC) {
    nodes { id title authorByAuthorId { name } commentsByPostId { nodes { id body } } }
  }
}`;
const SELECT = 'select=id,title,author:authors(name),comments(id,body)&order=id';
const offsets = spread(40, 40).map((n) => n - 1);
const lastOf = (offset: number) => `"post ${offset + ROWS}"`;

export const listRequests: readonly LoadRequest[] = offsets.map((offset) => ({
  method: 'GET',
  path: `/rest/v1/posts?${SELECT}&limit=${ROWS}&offset=${offset}`,
  status: 200,
  includes: lastOf(offset),
}));

export const list: Scenario = {
  name: 'list',
  title: 'list of 50 rows with two embedded tables',
  connections: 50,
  async start(fixture) {
    const [gateway, postgraphile] = await Promise.all([
      fixture.gateway({ CACHE_BYTES: '0' }),
      fixture.baseline('postgraphile-no-role'),
    ]);
    const graphQl = offsets.map((offset) =>
      postJson('/graphql', { query: QUERY, variables: { offset } }, 200, lastOf(offset)),
    );
    return {
      gateway: { server: gateway, requests: listRequests },
      baselines: [{ server: postgraphile, requests: graphQl, target: 2 }],
    };
  },
};
