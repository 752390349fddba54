import { type Field, jsonPathSql, type SelectColumn, type SelectCount } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { unknownColumn } from '../catalog/suggestions.ts';
import { postgrest } from '../errors.ts';
import type { LevelUse, Output, PlanContext } from './level-sql.ts';
import { columnOf, identifier, literal, qualified } from './params.ts';

/** The source of a level's rows: a relation, or a statement whose columns only Postgres knows. */
export interface Source {
  readonly alias: string;
  /** The name in errors, where there is no relation. */
  readonly label?: string;
  readonly relation: Relation | null;
  readonly columns?: readonly string[];
  /** The types of `columns`. */
  readonly types?: readonly string[];
  /** The source has columns beside the relation's own, which `*` must not show. */
  readonly hasMore?: boolean;
  /** The origin of the rows; default `relation`. In `returning`, computed columns are columns already; in `statement`, a row is a record. */
  readonly rows?: 'relation' | 'returning' | 'statement';
}

/**
 * `"alias"."f"` may also call any function f that takes a record, such as json_agg, so a name that is not in the
 * catalog must not be used.
 */
export function valueSql(source: Source, name: string): string {
  const { alias, relation, rows = 'relation' } = source;
  if (relation ? relation.columns.has(name) : source.columns?.includes(name)) return columnOf(alias, name);
  const computed = relation?.computed.get(name);
  if (!relation || !computed) throw unknownColumn(relation, source.label ?? alias, name);
  if (rows === 'returning') return columnOf(alias, name);
  return `${qualified(computed)}(${rows === 'relation' ? `${identifier(alias)}.*` : typedRowSql(alias, relation)})`;
}

export function typedRowSql(alias: string, relation: Relation): string {
  const columns = [...relation.columns.keys()].map((column) => columnOf(alias, column));
  return `row(${columns.join(', ')})::${qualified(relation)}`;
}

export const typeOf = ({ relation, columns = [], types = [] }: Source, name: string): string | undefined =>
  relation ? (relation.columns.get(name) ?? relation.computed.get(name))?.type : types[columns.indexOf(name)];

export function fieldSql(source: Source, field: Field): string {
  return jsonPathSql(valueSql(source, field.name), typeOf(source, field.name), field.json, literal);
}

/** Returns the name of a select item in the response: its alias, else the last name in it; for an aggregate, the function. */
export function outputName(item: SelectColumn | SelectCount): string {
  if (item.alias) return item.alias;
  if (item.kind === 'count') return 'count';
  if (item.aggregate) return item.aggregate;
  const last = item.field.json.findLast((step) => step.kind === 'key');
  return last?.kind === 'key' ? last.key : item.field.name;
}

/** A plain column is shown in its representation; a cast, a JSON path or an aggregate uses its value. */
export function plainValueSql(context: PlanContext, source: Source, item: SelectColumn, grouped: boolean): string {
  const { field, cast, aggregate } = item;
  const isPlain = cast === null && aggregate === null && field.json.length === 0;
  const shown = isPlain ? representedSql(context, source, field.name, grouped) : undefined;
  return shown ?? castSql(context.catalog, fieldSql(source, field), cast);
}

/** Returns a call of the domain's cast; undefined for a column without one. */
export function representedSql(
  { output }: PlanContext,
  source: Source,
  name: string,
  grouped: boolean,
): string | undefined {
  const casts = source.relation?.columns.get(name)?.casts;
  const cast = output === 'text' ? casts?.toText : casts?.toJson;
  if (!cast) return undefined;
  // JSON has no equality to group by.
  return `${qualified(cast)}(${columnOf(source.alias, name)})${grouped && output === 'json' ? '::jsonb' : ''}`;
}

/** Returns the column that a plain item shows by a cast. */
export function representedOf(
  { alias, relation }: Source,
  { field: { name, json }, cast }: SelectColumn,
): Pick<Output, 'represents'> {
  const casts = cast === null && json.length === 0 ? relation?.columns.get(name)?.casts : undefined;
  return (casts?.toJson ?? casts?.toText) ? { represents: columnOf(alias, name) } : {};
}

export const isRepresented = ({ relation }: Source): boolean =>
  relation !== null && [...relation.columns.values()].some(({ casts }) => casts?.toJson ?? casts?.toText);

/** Returns the aggregate of `value`, or, where a level further up computes it, the value alone. */
export function aggregateOutput(
  { catalog }: Pick<PlanContext, 'catalog'>,
  item: SelectColumn | SelectCount,
  value: string,
  { hoists }: LevelUse,
): Output {
  const name = outputName(item);
  if (hoists) return { name, sql: value, aggregated: false, hoisted: item };
  // A constant is counted in each row; the value of a joined row is null where there is none.
  if (item.kind === 'count') return { name, sql: castSql(catalog, `count(${value})`, item.cast), aggregated: true };
  return { name, sql: castSql(catalog, `${item.aggregate}(${value})`, item.aggregateCast), aggregated: true };
}

/** The parser admits letters, digits, `_`, `$` and spaces, and each word that is not a keyword is quoted. */
function castSql(catalog: Catalog, sql: string, cast: string | null): string {
  return cast === null ? sql : `cast(${sql} as ${typeName(catalog, cast)})`;
}

const SQL_TYPE_WORDS = new Set(
  'bigint bit boolean char character date decimal double float int integer interval json national numeric nchar precision real smallint text time timestamp varchar varying with without zone'.split(
    ' ',
  ),
);

function typeName(catalog: Catalog, cast: string): string {
  const name = cast.trim();
  const words = name.split(/ +/);
  if (words.every((word) => SQL_TYPE_WORDS.has(word.toLowerCase()))) return words.join(' ');
  if (!catalog.types.has(name)) throw postgrest['42704']({ type: name });
  return identifier(name);
}
