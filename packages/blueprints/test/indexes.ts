/** Reads the indexes of a blueprint, each below its query in indexes.sql, and asks the planner about them. */
import { readFile } from 'node:fs/promises';
import { type Database, identifier, literal } from '@tidemark/db';

export interface QueriedIndex {
  query: string;
  name: string;
}

/** @throws where an index has no query above it */
export async function indexesOf(blueprint: string): Promise<QueriedIndex[]> {
  const text = await readFile(new URL(`../${blueprint}/indexes.sql`, import.meta.url), 'utf8');
  const queried = [...text.matchAll(/^-- (select .*)\ncreate (?:unique )?index (\w+) on/gm)];
  const count = text.match(/^create (unique )?index/gm)?.length;
  if (queried.length !== count) throw new Error(`${queried.length} of ${count} indexes have a query above them`);
  return queried.map(([, query, name]) => ({ query: query as string, name: name as string }));
}

/** Returns the indexes that the planner does not choose for their query, with those that it chooses. */
export async function unchosenIndexes(
  db: Database,
  schema: string,
  indexes: readonly QueriedIndex[],
): Promise<string[]> {
  // The index of a partition has a name of its own.
  const parents = new Map(
    (
      await db.pools.write.query<{ part: string; parent: string }>(
        'select inhrelid::regclass::text as part, inhparent::regclass::text as parent from pg_inherits',
      )
    ).map(({ part, parent }) => [part, parent]),
  );
  const unchosen: string[] = [];
  for (const { query, name } of indexes) {
    const rows = await db.pools.write.query<{ 'QUERY PLAN': unknown }>(`explain (format json) ${query}`);
    const used = indexNames(rows[0]?.['QUERY PLAN']).map((one) => `${schema}.${one}`);
    if (!used.some((one) => (parents.get(one) ?? one) === `${schema}.${name}`)) {
      unchosen.push(`${name}: ${query} uses ${used.join(', ') || 'none'}`);
    }
  }
  return unchosen;
}

/** Returns pairs of indexes of which the second does all that the first does. */
export async function redundantIndexes(db: Database, schema: string): Promise<string[]> {
  const rows = await db.pools.write.query<{ narrow: string; wide: string }>(`
    with indexes as (
      select i.indexrelid, i.indrelid, i.indisunique, c.relam, i.indkey::text as columns, i.indclass::text as classes,
             i.indcollation::text as collations, i.indoption::text as options,
             pg_get_expr(i.indexprs, i.indrelid) as expressions, pg_get_expr(i.indpred, i.indrelid) as predicate
        from pg_index i join pg_class c on c.oid = i.indexrelid
       where c.relnamespace = ${literal(identifier(schema))}::regnamespace and not c.relispartition
    )
    select a.indexrelid::regclass::text as narrow, b.indexrelid::regclass::text as wide
      from indexes a join indexes b on a.indrelid = b.indrelid and a.indexrelid <> b.indexrelid and a.relam = b.relam
     where not a.indisunique and a.predicate is not distinct from b.predicate and a.expressions is not distinct from b.expressions
       and starts_with(b.columns || ' ', a.columns || ' ') and starts_with(b.classes || ' ', a.classes || ' ')
       and starts_with(b.collations || ' ', a.collations || ' ') and starts_with(b.options || ' ', a.options || ' ')`);
  return rows.map(({ narrow, wide }) => `${narrow} in ${wide}`);
}

function indexNames(plan: unknown): string[] {
  if (Array.isArray(plan)) return plan.flatMap(indexNames);
  if (typeof plan !== 'object' || plan === null) return [];
  return Object.entries(plan).flatMap(([key, value]) => (key === 'Index Name' ? [String(value)] : indexNames(value)));
}
