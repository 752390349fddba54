/** Fields (`col->path`), casts and aggregates as SQL. */
import type { Field, SelectColumn, SelectCount } from '@tidemark/query';
import type { Relation } from '../catalog/catalog.ts';
import { columnOf, identifier, literal } from './sql.ts';

/** What a level reads from: a relation, or a statement whose columns only Postgres knows. */
export interface Source {
  readonly alias: string;
  readonly relation: Relation | null;
  /** The source has columns beside the relation's own, which `*` must not show. */
  readonly hasMore?: boolean;
}

export function fieldSql(source: Source, field: Field): string {
  let sql = columnOf(source.alias, field.name);
  if (field.json.length === 0) return sql;
  const column = source.relation?.columns.get(field.name);
  // Composites and arrays have no arrows; their JSON has.
  if (column && column.type !== 'json' && column.type !== 'jsonb') sql = `to_jsonb(${sql})`;
  // Keys are literals, not parameters, so that an index on the same expression is used.
  const steps = field.json.map((step) => `${step.arrow}${step.kind === 'index' ? step.index : literal(step.key)}`);
  return `(${sql}${steps.join('')})`;
}

/** Name of a select item in the answer: its alias, else the last name in it; for an aggregate, the function. */
export function outputName(item: SelectColumn | SelectCount): string {
  if (item.alias) return item.alias;
  if (item.kind === 'count') return 'count';
  if (item.aggregate) return item.aggregate;
  const last = item.field.json.findLast((step) => step.kind === 'key');
  return last?.kind === 'key' ? last.key : item.field.name;
}

/** The value before any aggregate: `(field)::cast`. */
export function plainValueSql(source: Source, item: SelectColumn): string {
  return castSql(fieldSql(source, item.field), item.cast);
}

export function aggregateSql(item: SelectColumn | SelectCount, value: string): string {
  if (item.kind === 'count') return castSql('count(*)', item.cast);
  return castSql(`${item.aggregate}(${value})`, item.aggregateCast);
}

/** A type's name cannot be a parameter. The parser lets letters, digits, `_`, `$` and blanks through, and each word is quoted unless it is one of SQL's own. */
function castSql(sql: string, cast: string | null): string {
  return cast === null ? sql : `cast(${sql} as ${typeName(cast)})`;
}

const SQL_TYPE_WORDS = new Set(
  'bigint bit boolean char character date decimal double float int integer interval json national numeric nchar precision real smallint text time timestamp varchar varying with without zone'.split(
    ' ',
  ),
);

function typeName(cast: string): string {
  const words = cast.trim().split(/ +/);
  return words.every((word) => SQL_TYPE_WORDS.has(word.toLowerCase())) ? words.join(' ') : identifier(cast.trim());
}
