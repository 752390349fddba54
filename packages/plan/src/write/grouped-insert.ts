/**
 * MERGE, because its RETURNING may name columns of the source (from Postgres 17 on): each row returns with its
 * request's ordinal. With `on false` nothing is matched, so rights, policies and defaults are those of INSERT.
 */
import type { Query } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { bodySql, boundedBodySql } from '../sql/body.ts';
import { freeColumn, fromSql, outputOf, planContext, rootSource } from '../sql/context.ts';
import { planLevel } from '../sql/level.ts';
import { selectSql } from '../sql/level-sql.ts';
import { columnOf, identifier, Params } from '../sql/params.ts';
import { columnDefinitions, recordsetSql, writtenColumns } from './body-rows.ts';
import { sameTypesSql } from './column-types.ts';
import { returningSql, type WriteOptions } from './write.ts';

/** The bodies are one result of Postgres, and each may have its share. A longer one is read again alone. */
const ALL_BODIES = '(select count(*) from "_written")';

export interface GroupShape {
  relation: Relation;
  query: Query;
  keys: readonly string[];
  options: WriteOptions;
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
  const context = planContext(catalog, params, null, outputOf(options.media.kind));
  const root = rootSource(context, relation);
  const ordinal = identifier(freeColumn(relation, '_n'));
  const rows = params.bind(null);
  const columns = writtenColumns(relation, query.columns ?? shape.keys);
  const names = columns.map(identifier);
  const sameTypes = sameTypesSql(relation, columns);
  const values = names.map((name) => `"_body".${name}`).join(', ');
  if (options.return === 'minimal') {
    // Without a result the rows need no ordinal, and the plain statement costs Postgres a tenth less.
    const columnsSql = names.join(', ');
    const from = `${recordsetSql(relation, columns, rows, options.missingDefault)} as "_body"(${columnDefinitions(relation, columns)})`;
    return {
      text: `insert into ${fromSql(root)} (${columnsSql}) select ${values} from ${from} where ${sameTypes}`,
      params: params.values,
    };
  }
  const source = `(select * from rows from (${recordsetSql(relation, columns, rows, options.missingDefault)} as (${columnDefinitions(relation, columns)})) with ordinality as "_body"(${[...names, ordinal].join(', ')}) where ${sameTypes}) as "_body"`;
  const merge = `merge into ${fromSql(root)} using ${source} on false when not matched then insert (${names.join(', ')}) values (${values})`;

  const returning = (needed: readonly string[]) => [`"_body".${ordinal}`, ...needed].join(', ');
  if (options.return === 'headers-only') {
    const key = relation.primaryKey.map((column) => columnOf('_written', column)).join(', ');
    const keySql = key === '' ? 'null::text' : `(select row_to_json("_k".*)::text from (select ${key}) as "_k")`;
    return {
      text: `with "_written" as (${merge} returning ${returning(relation.primaryKey.map((column) => columnOf(root.alias, column)))}) select "_written".${ordinal} as n, null::text as body, ${keySql} as key from "_written"`,
      params: params.values,
    };
  }
  const representation = { ...query, where: [], limit: null, offset: 0 };
  const level = planLevel(context, representation, { ...root, hasMore: true, rows: 'returning' });
  const select = selectSql(level, `(select "_written".*) as ${identifier(root.alias)}`);
  const needed = returningSql(catalog, root, representation);
  return {
    text: `with "_written" as (${merge} returning ${returning(needed)}) select "_a".n, ${boundedBodySql(ALL_BODIES)}, null::text as key from (select "_written".${ordinal} as n, (select ${bodySql(options.media)} from (${select}) as "_t") as body from "_written" offset 0) as "_a"`,
    params: params.values,
  };
}
