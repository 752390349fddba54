import { readFile } from 'node:fs/promises';
import t from 'tap';
import { loadLargeData } from '../../src/index.ts';
import { migrated } from '../migrated.ts';

const text = await readFile(new URL('../../fleet/indexes.sql', import.meta.url), 'utf8');
const indexes = [...text.matchAll(/^-- (select .*)\ncreate (?:unique )?index (\w+) on/gm)].map(([, query, name]) => ({
  query: query as string,
  name: name as string,
}));

const { url, db } = await migrated(t, 'fleet');

t.test('fleet has at least 50 indexes, each with its query', async (t) => {
  t.ok(indexes.length >= 50, `${indexes.length} indexes`);
  t.equal(indexes.length, text.match(/^create (unique )?index/gm)?.length, 'each has a query above it');
});

t.test('the planner chooses each index for its query', async (t) => {
  await loadLargeData(url, 'fleet', { rows: 120_000, progress: () => undefined });
  await db.pools.write.query('analyze');
  // The index of a partition has a name of its own.
  const parents = new Map(
    (
      await db.pools.write.query<{ part: string; parent: string }>(
        'select inhrelid::regclass::text as part, inhparent::regclass::text as parent from pg_inherits',
      )
    ).map(({ part, parent }) => [part, parent]),
  );
  for (const { query, name } of indexes) {
    const rows = await db.pools.write.query<{ 'QUERY PLAN': unknown }>(`explain (format json) ${query}`);
    const used = new Set(indexNames(rows[0]?.['QUERY PLAN']));
    const parentsOfUsed = [...used].map((one) => parents.get(`fleet.${one}`) ?? `fleet.${one}`);
    t.ok(parentsOfUsed.includes(`fleet.${name}`), `${name}: ${query}`, { used: [...used] });
  }
});

t.test('no index of fleet is redundant', async (t) => {
  const rows = await db.pools.write.query<{ narrow: string; wide: string }>(`
    with indexes as (
      select i.indexrelid, i.indrelid, i.indisunique, c.relam, i.indkey::text as columns, i.indclass::text as classes,
             i.indcollation::text as collations, i.indoption::text as options,
             pg_get_expr(i.indexprs, i.indrelid) as expressions, pg_get_expr(i.indpred, i.indrelid) as predicate
        from pg_index i join pg_class c on c.oid = i.indexrelid
       where c.relnamespace = 'fleet'::regnamespace and not c.relispartition
    )
    select a.indexrelid::regclass::text as narrow, b.indexrelid::regclass::text as wide
      from indexes a join indexes b on a.indrelid = b.indrelid and a.indexrelid <> b.indexrelid and a.relam = b.relam
     where not a.indisunique and a.predicate is not distinct from b.predicate and a.expressions is not distinct from b.expressions
       and starts_with(b.columns || ' ', a.columns || ' ') and starts_with(b.classes || ' ', a.classes || ' ')
       and starts_with(b.collations || ' ', a.collations || ' ') and starts_with(b.options || ' ', a.options || ' ')`);
  t.same(rows, []);
});

function indexNames(plan: unknown): string[] {
  if (Array.isArray(plan)) return plan.flatMap(indexNames);
  if (typeof plan !== 'object' || plan === null) return [];
  return Object.entries(plan).flatMap(([key, value]) => (key === 'Index Name' ? [String(value)] : indexNames(value)));
}
