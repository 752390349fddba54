import type { Statement } from '@tidemark/db';
import type { Level, Query, RowsMedia } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';
import { postgrest } from '../errors.ts';
import { planContext } from '../read/read.ts';
import type { AnswerRow } from '../sql/answer-row.ts';
import { bodySql, boundedBodySql } from '../sql/body.ts';
import { conditionsSql } from '../sql/conditions.ts';
import { type Source, valueSql } from '../sql/fields.ts';
import { planLevel } from '../sql/level.ts';
import { selectSql } from '../sql/level-sql.ts';
import { columnOf, identifier, Params, qualified } from '../sql/params.ts';
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
  return: 'minimal' | 'headers-only' | 'representation';
}

export interface InsertOptions extends WriteOptions {
  resolution: 'merge-duplicates' | 'ignore-duplicates' | null;
  missingDefault: boolean;
}

export function planInsert(
  catalog: Catalog,
  relation: Relation,
  query: Query,
  payload: Payload,
  options: InsertOptions,
): Statement {
  const params = new Params();
  const columns = writtenColumns(relation, query.columns ?? payload.keys);
  const body = params.bind(payload.rows);
  const names = columns.map(identifier).join(', ');
  const target = `${qualified(relation)} as ${identifier(relation.name)}`;
  const source =
    columns.length > 0
      ? `(${names}) select ${names} from ${recordsetSql(relation, columns, body, options.missingDefault)} as "_body"(${columnDefinitions(relation, columns)})`
      : `select from json_array_elements(${body}::json)`;
  // `default values` inserts one row; several empty objects would need as many statements.
  const insert =
    columns.length === 0 && payload.count === 1
      ? `insert into ${target} default values`
      : `insert into ${target} ${source}`;
  const sql = `${insert}${conflictSql(relation, query, columns, options)}`;
  const tellsNew = options.resolution === 'merge-duplicates' && relation.kind === 'table';
  const bound = columns.length === 0 && payload.count === 1 ? new Params() : params;
  return answer({ catalog, relation, query, options, params: bound, sql, tellsNew });
}

export function planUpdate(
  catalog: Catalog,
  relation: Relation,
  query: Query,
  payload: Payload,
  options: WriteOptions,
): Statement {
  const params = new Params();
  const columns = writtenColumns(relation, query.columns ?? payload.keys);
  const alias = identifier(relation.name);
  if (columns.length === 0) {
    // Without columns to set, the statement updates no row.
    const sql = `update ${qualified(relation)} as ${alias} set ${noopSet(relation)} where false`;
    return answer({ catalog, relation, query, options, params, sql });
  }
  const body = params.bind(payload.rows);
  const sets = columns.map((column) => `${identifier(column)} = "_body".${identifier(column)}`).join(', ');
  const from = `json_to_recordset(${body}::json) as "_body"(${columnDefinitions(relation, columns)})`;
  const where = whereSql(relation, query, params);
  const sql = `update ${qualified(relation)} as ${alias} set ${sets} from ${from}${where}`;
  return answer({ catalog, relation, query, options, params, sql });
}

export function planDelete(catalog: Catalog, relation: Relation, query: Query, options: WriteOptions): Statement {
  const params = new Params();
  const sql = `delete from ${qualified(relation)} as ${identifier(relation.name)}${whereSql(relation, query, params)}`;
  return answer({ catalog, relation, query, options, params, sql });
}

function noopSet(relation: Relation): string {
  const [first] = relation.columns.keys();
  const column = identifier(first ?? 'ctid');
  return `${column} = ${column}`;
}

export function writtenColumns(relation: Relation, keys: readonly string[]): readonly string[] {
  for (const key of keys) {
    if (!relation.columns.has(key)) throw postgrest.PGRST204({ column: key, relation: relation.name });
  }
  return [...new Set(keys)];
}

export function columnDefinitions(relation: Relation, columns: readonly string[]): string {
  return columns.map((column) => `${identifier(column)} ${relation.columns.get(column)?.type}`).join(', ');
}

/** With `missing=default`, each object is merged over the defaults of the columns before it is read. */
export function recordsetSql(
  relation: Relation,
  columns: readonly string[],
  body: string,
  missingDefault: boolean,
): string {
  const defaults = missingDefault
    ? columns.flatMap((column) => {
        const sql = relation.columns.get(column)?.defaultSql;
        return sql ? [`'${column.replaceAll("'", "''")}', ${sql}`] : [];
      })
    : [];
  if (defaults.length === 0) return `json_to_recordset(${body}::json)`;
  return `jsonb_to_recordset((select jsonb_agg(jsonb_build_object(${defaults.join(', ')}) || "_e") from jsonb_array_elements(${body}::jsonb) as "_e"))`;
}

function conflictSql(relation: Relation, query: Query, columns: readonly string[], options: InsertOptions): string {
  if (options.resolution === null) return '';
  const target = query.onConflict ?? relation.primaryKey;
  if (target.length === 0) return options.resolution === 'ignore-duplicates' ? ' on conflict do nothing' : '';
  for (const column of target) {
    if (!relation.columns.has(column)) throw postgrest.PGRST204({ column, relation: relation.name });
  }
  const on = ` on conflict (${target.map(identifier).join(', ')})`;
  if (options.resolution === 'ignore-duplicates' || columns.length === 0) return `${on} do nothing`;
  return `${on} do update set ${columns.map((c) => `${identifier(c)} = excluded.${identifier(c)}`).join(', ')}`;
}

function whereSql(relation: Relation, query: Query, params: Params): string {
  const source = { alias: relation.name, relation };
  // Filters on embeds shape the representation; only filters of the table itself select the rows to write.
  const own = query.where.filter((condition) => condition.kind !== 'embed-null');
  const conditions = conditionsSql(own, source, params, () => 'false');
  return conditions.length > 0 ? ` where ${conditions.join(' and ')}` : '';
}

interface Write {
  readonly catalog: Catalog;
  readonly relation: Relation;
  readonly query: Query;
  readonly options: WriteOptions;
  readonly params: Params;
  /** The statement without RETURNING. */
  readonly sql: string;
  /** Counts the inserted rows apart from the updated ones. */
  readonly tellsNew?: boolean;
}

function answer({ catalog, relation, query, options, params, sql, tellsNew }: Write): Statement {
  const settings = `nullif(current_setting('response.headers', true), '') as headers, nullif(current_setting('response.status', true), '') as status`;
  const affected = '(select count(*) from "_written")';
  const fresh = tellsNew ? ', (xmax = 0) as "_new"' : '';
  const inserted = tellsNew ? '(select count(*) from "_written" where "_new")' : 'null::int8';
  if (options.return !== 'representation') {
    const wantsKey = options.return === 'headers-only' && relation.primaryKey.length > 0;
    const key = relation.primaryKey.map((column) => columnOf(relation.name, column)).join(', ');
    return {
      text: `with "_written" as (${sql} returning ${wantsKey ? key : '1'}${fresh}) select null::text as body, ${affected} as rows, null::int8 as total, ${wantsKey ? '(select row_to_json("_written")::text from "_written" limit 1)' : 'null::text'} as key, ${inserted} as inserted, ${settings}`,
      params: params.values,
    };
  }
  const context = planContext(catalog, params, null);
  const representation: Level = { ...query, where: [], limit: null, offset: 0 };
  const written: Source = { alias: relation.name, relation, hasMore: true, rows: 'returning' };
  const level = planLevel(context, representation, written);
  const returning = returningSql(catalog, relation, representation).join(', ');
  const select = selectSql(level, `"_written" as ${identifier(relation.name)}`);
  return {
    text: `with "_written" as (${sql} returning ${returning || '1'}${fresh}) select ${boundedBodySql()}, ${affected} as rows, null::int8 as total, null::text as key, ${inserted} as inserted, ${settings} from (select ${bodySql(options.media)} as body from (${select}) as "_t") as "_a"`,
    params: params.values,
  };
}

/** RETURNING needs the right to SELECT each column, so only those of the representation are named. */
export function returningSql(catalog: Catalog, relation: Relation, level: Level): string[] {
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
  const source = { alias: relation.name, relation };
  return [...needed].map((name) => {
    const value = valueSql(source, name);
    return relation.columns.has(name) ? value : `${value} as ${identifier(name)}`;
  });
}
