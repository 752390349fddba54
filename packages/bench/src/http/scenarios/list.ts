/**
 * 50 rows, each with its author and its comments: two embedded tables. Near the start of the table, at offsets below 50:
 * what many skipped rows cost is another question.
 */
import type { LoadRequest } from '../load/messages.ts';
import { type Scenario, spread } from '../scenario.ts';

const ROWS = 50;
const QUERY = `query ($offset: Int!) {
  allPosts(first: ${ROWS}, offset: $offset, orderBy: PRIMARY_KEY_ASC) {
    nodes { id title authorByAuthorId { name } commentsByPostId { nodes { id body } } }
  }
}`;
const offsets = spread(40, 40).map((nth) => nth - 1);
/** The last row of a page: a body that was cut short does not have it. */
const last = (offset: number) => `"post ${offset + ROWS}"`;

const SELECT = 'select=id,title,author:authors(name),comments(id,body)&order=id';

export const listRequests: readonly LoadRequest[] = offsets.map((offset) => ({
  ...{ method: 'GET', path: `/rest/v1/posts?${SELECT}&limit=${ROWS}&offset=${offset}` },
  ...{ status: 200, includes: last(offset) },
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
    return {
      ours: { server: gateway, requests: listRequests, target: null },
      others: [
        {
          server: postgraphile,
          requests: offsets.map((offset) => ({
            method: 'POST',
            path: '/graphql',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ query: QUERY, variables: { offset } }),
            status: 200,
            includes: last(offset),
          })),
          target: 2,
        },
      ],
    };
  },
};
