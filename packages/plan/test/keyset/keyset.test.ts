/** Tests the cost of a page by key: one range of an index, wherever the page begins. */
import { parseQuery } from '@tidemark/query';
import fc from 'fast-check';
import t from 'tap';
import { loadCatalog } from '../../src/catalog/load.ts';
import { type KeysetValues, readCursor, writeCursor } from '../../src/keyset/cursor.ts';
import { planKeyset } from '../../src/keyset/keyset.ts';
import { keysetOrder } from '../../src/keyset/order.ts';
import { openPlanDatabase } from '../plan-database.ts';

const db = await openPlanDatabase(
  t,
  `create table public.steps (id int primary key, at timestamptz not null, a int, b text);
   insert into public.steps select g, '2026-01-01'::timestamptz + g * interval '1 second', nullif(g % 7, 0), nullif('b' || g % 3, 'b0')
     from generate_series(1, 20000) g;
   create index on public.steps (at desc, id desc);
   analyze public.steps;`,
);
const catalog = await loadCatalog(db.pools.admin, ['public']);
const relation = catalog.relation('public', 'steps')!;

function plan(search: string, after: KeysetValues | null) {
  const query = parseQuery(search);
  const media = { kind: 'json', nullsStripped: false } as const;
  return planKeyset(
    { catalog, relation, query, order: keysetOrder(relation, query), after },
    {
      media,
      exactCount: false,
      maxRows: 1_000,
    },
  );
}

t.test('no page sorts or scans the table, not even a late one', async (t) => {
  const orders: [string, string[]][] = [
    ['order=at.desc', ['2026-01-01 00:30:00+00', '1800']],
    ['order=at.desc&a=gt.2', ['2026-01-01 00:30:00+00', '1800']],
    ['order=id', ['18000']],
    ['', ['18000']],
  ];
  for (const [search, after] of orders) {
    const { text, params } = plan(`${search}&select=b&limit=20&after=x`, after);
    const [row] = await db.pools.admin.query(`explain (format json, analyze) ${text}`, params);
    const shown = JSON.stringify(row!['QUERY PLAN']);
    t.match(shown, /"Index Cond":"\(?(ROW\(at, id\) <|\(id >)/, `${search || 'the key alone'}: a range`);
    t.notMatch(shown, /Seq Scan|Incremental Sort/);
    const read = Math.max(...[...shown.matchAll(/"Actual Rows": ?([\d.]+)/g)].map((match) => Number(match[1])));
    t.ok(read <= 21, `${read} rows were looked at for 20`);
  }
});

t.test('for any order, the pages together equal one sorted read', async (t) => {
  const term = fc
    .tuple(
      fc.constantFrom('a', 'b', 'at', 'id'),
      fc.constantFrom('', '.desc', '.asc.nullsfirst', '.desc.nullslast', '.asc'),
    )
    .map((parts) => parts.join(''));
  const orders = fc.uniqueArray(term, { minLength: 1, maxLength: 3, selector: (one) => one.split('.')[0] });
  await fc.assert(
    fc.asyncProperty(orders, fc.integer({ min: 5, max: 40 }), async (order, size) => {
      const search = `select=id&id=lte.60&order=${order.join()}&limit=${size}`;
      const by = keysetOrder(relation, parseQuery(search));
      const ask = async (limit: string, after: KeysetValues | null) => {
        const { text, params } = plan(search.replace(/limit=\d+/, `limit=${limit}`), after);
        const [row] = await db.pools.admin.query<{ body: string; last: string | null }>(text, params);
        return { ids: (JSON.parse(row!.body) as { id: number }[]).map(({ id }) => id), last: row!.last };
      };
      const seen: number[] = [];
      for (let after: KeysetValues | null = null, page = 0; page < 20; page++) {
        const { ids, last } = await ask(String(size), after);
        seen.push(...ids);
        if (last === null) break;
        after = readCursor(by, writeCursor(by, JSON.parse(last)));
      }
      return JSON.stringify(seen) === JSON.stringify((await ask('100', null)).ids) && seen.length === 60;
    }),
    { numRuns: 60 },
  );
  t.pass('60 orders');
});
