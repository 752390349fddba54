/**
 * MERGE, because its RETURNING may name columns of the source (from Postgres 17 on): each row returns with its
 * request's ordinal. With `on false` nothing is matched, so rights, policies and defaults are those of INSERT.
 */
import type { Query } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { planContext } from '../read/read.ts';
import { bodySql, boundedBodySql } from '../sql/body.ts';
import { planLevel } from '../sql/level.ts';
import { selectSql } from '../sql/level-sql.ts';
import { columnOf, identifier, Params, qualified } from '../sql/params.ts';
import { columnDefinitions, recordsetSql, returningSql, type WriteOptions, writtenColumns } from './write.ts';

/** The bodies are one result of Postgres, and each may have its share. A longer one is read again alone. */
const ALL_BODIES = '(select count(*) from "_written")';

export interface GroupShape {
  relation: Relation;
  query: Query;
  keys: readonly string[];
  options: WriteOptions & { missingDefault: boolean };
}

export interface GroupedRow {
  /** int8 as text: 1 for the first request of the group. */
  n: string;
  body: string | null;
  key: string | null;
}

/** `$1` is the JSON array of the rows, in the order of the requests; parameters of the select follow. */
export function planGroupedInsert(catalog: Catalog, shape: GroupShape): { text: string; params: (string | null)[] } {
  const { relation, query, options } = shape;
  const params = new Params();
  const rows = params.bind(null);
  const columns = writtenColumns(relation, query.columns ?? shape.keys);
  const alias = identifier(relation.name);
  const names = columns.map(identifier);
  if (options.return === 'minimal') {
    // Without a result the rows need no ordinal, and the plain statement costs Postgres a tenth less.
    const columnsSql = names.join(', ');
    const from = `${recordsetSql(relation, columns, rows, options.missingDefault)} as "_body"(${columnDefinitions(relation, columns)})`;
    return {
      text: `insert into ${qualified(relation)} as ${alias} (${columnsSql}) select ${columnsSql} from ${from}`,
      params: params.values,
    };
  }
  const source = `rows from (${recordsetSql(relation, columns, rows, options.missingDefault)} as (${columnDefinitions(relation, columns)})) with ordinality as "_body"(${names.join(', ')}, "_n")`;
  const values = names.map((name) => `"_body".${name}`).join(', ');
  const merge = `merge into ${qualified(relation)} as ${alias} using ${source} on false when not matched then insert (${names.join(', ')}) values (${values})`;

  const returning = (needed: readonly string[]) => ['"_body"."_n"', ...needed].join(', ');
  if (options.return === 'headers-only') {
    const key = relation.primaryKey.map((column) => columnOf('_written', column)).join(', ');
    const keySql = key === '' ? 'null::text' : `(select row_to_json("_k")::text from (select ${key}) as "_k")`;
    return {
      text: `with "_written" as (${merge} returning ${returning(relation.primaryKey.map((column) => columnOf(relation.name, column)))}) select "_n" as n, null::text as body, ${keySql} as key from "_written"`,
      params: params.values,
    };
  }
  const representation = { ...query, where: [], limit: null, offset: 0 };
  const level = planLevel(planContext(catalog, params, null), representation, {
    alias: relation.name,
    relation,
    hasMore: true,
    rows: 'returning',
  });
  const select = selectSql(level, `(select "_written".*) as ${alias}`);
  const needed = returningSql(catalog, relation, representation);
  return {
    text: `with "_written" as (${merge} returning ${returning(needed)}) select "_a".n, ${boundedBodySql(ALL_BODIES)}, null::text as key from (select "_n" as n, (select ${bodySql(options.media)} from (${select}) as "_t") as body from "_written" offset 0) as "_a"`,
    params: params.values,
  };
}
