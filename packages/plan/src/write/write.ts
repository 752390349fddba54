import type { Statement } from '@tidemark/db';
import type { Level, Query, RowsMedia } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';
import { postgrest } from '../errors.ts';
import type { AnswerRow } from '../sql/answer-row.ts';
import { bodySql, boundedBodySql } from '../sql/body.ts';
import { conditionsSql, type EmbedTest } from '../sql/conditions.ts';
import { fromSql, outputOf, planContext, type RootSource, rootSource } from '../sql/context.ts';
import { type Source, valueSql } from '../sql/fields.ts';
import { planLevel } from '../sql/level.ts';
import { type PlanContext, selectSql } from '../sql/level-sql.ts';
import { columnOf, identifier, Params } from '../sql/params.ts';
import { responseSettingsSql } from '../sql/response-settings.ts';
import { bodySourceSql, bodyValues, writtenColumns } from './body-rows.ts';
import { sameTypesSql } from './column-types.ts';
import type { Payload } from './payload.ts';

export interface WriteRow extends AnswerRow {
  /** JSON text of the written row's primary key, for Location. */
  key: string | null;
  /** Number of inserted rows; null when it is unknown. */
  inserted: string | null;
  headers: string | null;
  status: string | null;
}

export interface WriteOptions {
  media: RowsMedia;
  /** Columns that an object lacks get their default instead of null. */
  missingDefault: boolean;
  return: 'minimal' | 'headers-only' | 'representation';
}

export interface InsertOptions extends WriteOptions {
  resolution: 'merge-duplicates' | 'ignore-duplicates' | null;
  /** Writes only rows of the body that the filters select, which PUT compares with the key. */
  matching?: boolean;
}

export function planInsert(
  catalog: Catalog,
  relation: Relation,
  query: Query,
  payload: Payload,
  options: InsertOptions,
): Statement {
  const params = new Params();
  const context = planContext(catalog, params, null, outputOf(options.media.kind));
  const source = rootSource(context, relation);
  const columns = writtenColumns(relation, query.columns ?? payload.keys);
  // `default values` inserts one row; several empty objects would need as many statements.
  if (columns.length === 0 && payload.count === 1) {
    const sql = `insert into ${fromSql(source)} default values${conflictSql(relation, query, columns, options).sql}`;
    return answer({ context, source, query, options, sql });
  }
  const body = params.bind(payload.rows);
  const names = columns.map(identifier).join(', ');
  const rows =
    columns.length > 0
      ? `(${names}) select ${bodyValues(relation, columns, payload).join(', ')} from ${bodySourceSql(relation, columns, body, payload, options.missingDefault)}${options.matching ? assignedSql(relation, columns, payload) : ''}`
      : `select from json_array_elements(${body}::json)`;
  const { sql: conflict, counts } = conflictSql(relation, query, columns, options);
  const where = [
    ...(columns.length > 0 ? [sameTypesSql(relation, columns)] : []),
    ...(counts ? [COUNT_FROM_0] : []),
    ...(options.matching ? matchingSql(relation, query, params) : []),
  ];
  const sql = `insert into ${fromSql(source)} ${rows}${where.length > 0 ? ` where ${where.join(' and ')}` : ''}${conflict}`;
  return answer({ context, source, query, options, sql, counts });
}

export function planUpdate(
  catalog: Catalog,
  relation: Relation,
  query: Query,
  payload: Payload,
  options: WriteOptions,
): Statement {
  const params = new Params();
  const context = planContext(catalog, params, null, outputOf(options.media.kind));
  const source = rootSource(context, relation);
  const columns = writtenColumns(relation, query.columns ?? payload.keys);
  if (columns.length === 0) {
    // Without columns to set, the statement updates no row.
    const sql = `update ${fromSql(source)} set ${noopSet(relation)} where false`;
    return answer({ context, source, query, options, sql });
  }
  const from = bodySourceSql(relation, columns, params.bind(payload.rows), payload, options.missingDefault);
  const values = bodyValues(relation, columns, payload);
  const sets = columns.map((column, i) => `${identifier(column)} = ${values[i]}`).join(', ');
  const where = whereSql(source, query, params, [sameTypesSql(relation, columns)]);
  const sql = `update ${fromSql(source)} set ${sets} from ${from}${where}`;
  return answer({ context, source, query, options, sql });
}

export function planDelete(catalog: Catalog, relation: Relation, query: Query, options: WriteOptions): Statement {
  const params = new Params();
  const context = planContext(catalog, params, null, outputOf(options.media.kind));
  const source = rootSource(context, relation);
  const sql = `delete from ${fromSql(source)}${whereSql(source, query, params)}`;
  return answer({ context, source, query, options, sql });
}

function noopSet(relation: Relation): string {
  const [first] = relation.columns.keys();
  const column = identifier(first ?? 'ctid');
  return `${column} = ${column}`;
}

/**
 * Rows that are merged are counted in a setting, because `xmax` takes the right to SELECT the whole table, and tells
 * nothing of rows of views and partitions.
 */
const MERGED = 'tidemark.merged';
const MERGED_ROWS = `coalesce(nullif(current_setting('${MERGED}', true), ''), '0')::int8`;
/** An uncorrelated subquery runs once, before the first row: an earlier statement of the transaction may have counted. */
const COUNT_FROM_0 = `(select set_config('${MERGED}', '0', true)) = '0'`;
const COUNT_ROW = `set_config('${MERGED}', (${MERGED_ROWS} + 1)::text, true) is not null`;

function conflictSql(
  relation: Relation,
  query: Query,
  columns: readonly string[],
  options: InsertOptions,
): { sql: string; counts: boolean } {
  if (options.resolution === null) return { sql: '', counts: false };
  const target = query.onConflict ?? relation.primaryKey;
  if (target.length === 0)
    return { sql: options.resolution === 'ignore-duplicates' ? ' on conflict do nothing' : '', counts: false };
  for (const column of target) {
    if (!relation.columns.has(column)) throw postgrest.PGRST204({ column, relation: relation.name });
  }
  const on = ` on conflict (${target.map(identifier).join(', ')})`;
  if (options.resolution === 'ignore-duplicates' || columns.length === 0) {
    return { sql: `${on} do nothing`, counts: false };
  }
  const sets = columns.map((c) => `${identifier(c)} = excluded.${identifier(c)}`).join(', ');
  return { sql: `${on} do update set ${sets} where ${COUNT_ROW}`, counts: true };
}

function whereSql(source: Source, query: Query, params: Params, more: readonly string[] = []): string {
  const conditions = [...more, ...conditionsSql(query.where, source, params, columnIsNull(source))];
  return conditions.length > 0 ? ` where ${conditions.join(' and ')}` : '';
}

/** Embeds shape the representation: only columns of the table itself select the rows to write, also where an embed has their name. */
const columnIsNull =
  (source: Source): EmbedTest =>
  (name) =>
    `${valueSql(source, name)} is null`;

/** The values as the columns would hold them, such as a number rounded to the column's scale. */
const assignedSql = (relation: Relation, columns: readonly string[], payload: Payload): string => {
  const read = bodyValues(relation, columns, payload);
  const values = columns.map(
    (name, index) => `(${read[index]})::${relation.columns.get(name)?.type} as ${identifier(name)}`,
  );
  return ` cross join lateral (select ${values.join(', ')}) as "_assigned"`;
};

function matchingSql(relation: Relation, query: Query, params: Params): string[] {
  const source: Source = { alias: '_assigned', relation };
  return conditionsSql(query.where, source, params, columnIsNull(source));
}

interface Write {
  readonly context: PlanContext;
  readonly source: RootSource;
  readonly query: Query;
  readonly options: WriteOptions;
  /** The statement without RETURNING. */
  readonly sql: string;
  /** The statement counts the rows that it merges. */
  readonly counts?: boolean;
}

function answer({ context, source, query, options, sql, counts }: Write): Statement {
  const { params } = context;
  const { relation, alias } = source;
  const affected = '(select count(*) from "_written")';
  const inserted = counts ? `${affected} - ${MERGED_ROWS}` : 'null::int8';
  if (options.return !== 'representation') {
    const wantsKey = options.return === 'headers-only' && relation.primaryKey.length > 0;
    const key = relation.primaryKey.map((column) => columnOf(alias, column)).join(', ');
    return {
      text: `with "_written" as (${sql} returning ${wantsKey ? key : '1'}) select null::text as body, ${affected} as rows, null::int8 as total, ${wantsKey ? '(select row_to_json("_written".*)::text from "_written" limit 1)' : 'null::text'} as key, ${inserted} as inserted, ${responseSettingsSql}`,
      params: params.values,
    };
  }
  const representation: Level = { ...query, where: [], limit: null, offset: 0 };
  const level = planLevel(context, representation, { ...source, hasMore: true, rows: 'returning' });
  const returning = returningSql(context.catalog, source, representation).join(', ');
  const select = selectSql(level, `"_written" as ${identifier(alias)}`);
  return {
    text: `with "_written" as (${sql} returning ${returning || '1'}) select ${boundedBodySql()}, ${affected} as rows, null::int8 as total, null::text as key, ${inserted} as inserted, ${responseSettingsSql} from (select ${bodySql(options.media)} as body from (${select}) as "_t") as "_a"`,
    params: params.values,
  };
}

/** RETURNING needs the right to SELECT each column, so only those of the representation are named. */
export function returningSql(catalog: Catalog, source: RootSource, level: Level): string[] {
  const { relation } = source;
  const needed = new Set<string>();
  const all = () => {
    for (const column of relation.columns.keys()) needed.add(column);
  };
  for (const term of level.order) if (term.related === null) needed.add(term.field.name);
  for (const item of level.select) {
    if (item.kind === 'star') all();
    else if (item.kind === 'column') needed.add(item.field.name);
    else if (item.kind === 'embed') {
      const relationship = findRelationship(catalog, relation, item);
      if (relationship.kind === 'key') for (const pair of relationship.columns) needed.add(pair.from);
      else if (relationship.kind === 'junction') for (const pair of relationship.near.columns) needed.add(pair.from);
      else all();
    }
  }
  return [...needed].map((name) => {
    const value = valueSql(source, name);
    return relation.columns.has(name) ? value : `${value} as ${identifier(name)}`;
  });
}
