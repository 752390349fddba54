/** A compiled plan is what the planner would have made: for every query, whatever was compiled before it. */
import { readFile } from 'node:fs/promises';
import { parseQuery, type RowsMedia } from '@tidemark/query';
import fc from 'fast-check';
import t from 'tap';
import { loadCatalog } from '../../src/catalog/load.ts';
import { PlanCache } from '../../src/read/plan-cache.ts';
import { planRead } from '../../src/read/read.ts';
import { openPlanDatabase } from '../plan-database.ts';

const db = await openPlanDatabase(
  t,
  await readFile(new URL('../../../../services/gateway/test/relations.sql', import.meta.url), 'utf8'),
);
const catalog = await loadCatalog(db.pools.admin, ['public']);

const value = fc.oneof(fc.constantFrom('1', '-1', '{1,2}', '10000', '"', 'a*b%', ''), fc.string({ maxLength: 6 }));
const encode = (text: string) => encodeURIComponent(text.replaceAll('\0', ''));
const list = fc.array(value, { maxLength: 3 }).map((values) => values.map((v) => JSON.stringify(v)).join(','));
const filter = fc.oneof(
  fc
    .tuple(fc.constantFrom('eq', 'neq', 'gt', 'not.lt', 'like', 'ilike', 'eq(any)', 'cs'), value)
    .map(([op, v]) => `${op}.${encode(v)}`),
  list.map((values) => `in.(${encode(values)})`),
  fc.tuple(fc.constantFrom('fts', 'fts(english)', 'not.wfts(german)'), value).map(([op, v]) => `${op}.${encode(v)}`),
  fc.constantFrom('is.null', 'not.is.true'),
);
const number = fc.constantFrom(0, 1, 7, 9_999, 10_000, 123_456);
const part = fc.oneof(
  fc
    .tuple(fc.constantFrom('id', 'name', 'client_id', 'data->>n', 'tags'), filter)
    .map(([column, f]) => `${column}=${f}`),
  fc
    .tuple(fc.constantFrom('and', 'not.or'), value, value)
    .map(([op, a, b]) => `${op}=(id.eq.${encode(JSON.stringify(a))},name.in.(${encode(JSON.stringify(b))}))`),
);
const once = fc.record(
  {
    select: fc.constantFrom(
      '*',
      'id,name',
      'id,clients(name)',
      'id,tasks!inner(name,users(name)),...clients(client:name)',
      'id.sum()',
    ),
    order: fc.constantFrom('id', 'name.desc.nullsfirst,id'),
    limit: number,
    offset: number,
  },
  { requiredKeys: ['select'] },
);
const query = fc
  .tuple(once, fc.array(part, { maxLength: 3 }), fc.option(filter), fc.option(number))
  .map(([head, parts, f, n]) => {
    const pairs = Object.entries(head).map(([key, v]) => `${key}=${v}`);
    if (head.select.includes('tasks')) {
      if (f) pairs.push(`tasks.name=${f}`);
      if (n !== null) pairs.push(`tasks.limit=${n}`, `tasks.users.offset=${n}`);
    }
    return [...pairs, ...parts].join('&');
  });
const media = fc.constantFrom<RowsMedia>(
  { kind: 'json', nullsStripped: false } as RowsMedia,
  { kind: 'csv' } as RowsMedia,
);

t.test('binds what the planner binds', async (t) => {
  const relation = catalog.relation('public', 'projects');
  if (!relation) throw new Error('no relation');
  const plans = new PlanCache();
  fc.assert(
    fc.property(query, media, fc.boolean(), fc.constantFrom(null, 10_000), (search, kind, exactCount, maxRows) => {
      let parsed: ReturnType<typeof parseQuery>;
      try {
        parsed = parseQuery(search);
      } catch {
        return;
      }
      const options = { media: kind, exactCount, maxRows };
      const expected = planRead(catalog, relation, parsed, options);
      for (let i = 0; i < 2; i += 1) {
        const statement = plans.read(catalog, relation, parsed, options);
        t.equal(statement.text, expected.text);
        t.strictSame(statement.params, expected.params);
      }
    }),
    { numRuns: 1_500 },
  );
  const { hits, misses, unfit } = plans.counts();
  t.equal(unfit, 0, 'every shape was compiled');
  t.ok(hits > misses, `${hits} hits, ${misses} misses`);
});

t.test('a guarded plan shows what its relations were', async (t) => {
  const relation = catalog.relation('public', 'projects');
  if (!relation) throw new Error('no relation');
  const plans = new PlanCache();
  const options = { media: { kind: 'json', nullsStripped: false } as RowsMedia, exactCount: true, maxRows: 5 };
  for (const search of ['id=eq.1', 'id=eq.2', 'select=id.sum()', 'select=name,id.max()&id=lt.3']) {
    const statement = plans.read(catalog, relation, parseQuery(search), options, [relation.oid]);
    const [row] = await db.pools.admin.query(statement.text, statement.params);
    t.match(row?.guard, new RegExp(`^${relation.oid}:\\d+$`), search);
  }
});

t.test('errors of the planner are passed on unchanged', async (t) => {
  const relation = catalog.relation('public', 'projects');
  if (!relation) throw new Error('no relation');
  const plans = new PlanCache();
  const options = { media: { kind: 'json', nullsStripped: false } as RowsMedia, exactCount: false, maxRows: 5 };
  t.throws(() => plans.read(catalog, relation, parseQuery('select=id,nobody(id)'), options), { code: 'PGRST200' });
});
