/** The parts of the console that need no browser. */
import type { LiveChange } from '@tidemark/contracts';
import t from 'tap';
import { formatAddress, parseAddress } from '../../console/src/address/address.ts';
import { rangeOf, rangeParam } from '../../console/src/address/range.ts';
import { RowSet } from '../../console/src/pages/data/row-set.ts';
import { inHeldOrder } from '../../console/src/parts/held-order.ts';
import { find, type Known } from '../../console/src/shell/find.ts';

t.test('an address is read as it was written; an unknown page is the first one', async (t) => {
  const params = { range: '1h', route: 'GET /rest/v1/:table', table: 'a&b' };
  const href = formatAddress('requests', { ...params, id: undefined });
  t.same(parseAddress(new URL(href, 'http://x/console/').href), { page: 'requests', params });
  t.equal(parseAddress('http://x/console/nonsense').page, '');
  t.equal(rangeOf({ range: '7d' }).seconds, 604_800);
  t.equal(rangeOf({ range: 'ever' }).name, '15 min');
  t.equal(rangeParam(rangeOf({})), undefined);
});

t.test('rows that are held keep their order, and new ones follow', async (t) => {
  t.same(inHeldOrder(['a', 'b', 'c'], ['c', 'd', 'a']), ['a', 'c', 'd']);
});

const KNOWN: Known = {
  tables: [{ schema: 'public', table: 'commentary' }],
  statements: [],
  subscriptions: [{ sub: 'realtime-1/12/s1', query: 'commentary?minute=gte.60', user: 'ann' }],
  processes: [{ service: 'gateway', instance: 'gateway-1', pid: 4_711 }],
  held: [{ pid: 815, instance: 'gateway-1', pool: 'write', route: 'POST /rest/v1/:table' }],
  jobs: [{ id: '5b1f2c3d-0000-4000-8000-000000000000', kind: 'ocr', state: 'running' }],
};
const first = (text: string) => find(text, KNOWN)[0];

t.test('the search finds a pid, a table, a job, a socket, a process and a request', async (t) => {
  t.match(first('815'), { page: 'database', params: { pid: '815' }, text: /POST .* holds a connection of write/ });
  t.match(first('4711'), { page: 'processes', params: { instance: 'gateway/gateway-1' } });
  t.match(first('comment'), { page: 'database', params: { table: 'public.commentary' } });
  t.match(first('5b1f'), { page: 'jobs', params: { job: '5b1f2c3d-0000-4000-8000-000000000000' } });
  t.match(first('ann'), { page: 'live', params: { sub: 'realtime-1/12/s1' } });
  t.match(first('7870c5c17f-6'), { page: 'requests', params: { id: '7870c5c17f-6' } });
  t.same(find('%%%', KNOWN), []);
});

t.test('rows follow the changes of a subscription, and a window its places', async (t) => {
  const set = new RowSet(['id']);
  set.add([
    { id: 1, a: 'x' },
    { id: 2, a: 'y' },
  ]);
  const ids = () => set.rows().map(({ values }) => values.id);
  set.apply([
    { type: 'update', row: { id: 2, a: 'z' } },
    { type: 'delete', old: { id: 1 } },
    { type: 'insert', row: { id: 3, a: 'w' } },
  ] as LiveChange[]);
  t.same(ids(), [3, 2]);
  t.same([...(set.rows()[1]?.changed ?? [])], ['a']);
  set.apply([
    { type: 'enter', row: { id: 9, a: 'v' }, index: 0 },
    { type: 'update', row: { id: 2, a: 'z' }, index: 1 },
  ] as LiveChange[]);
  t.same(ids(), [9, 2, 3]);
});
