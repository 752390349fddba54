import type { Field, SelectColumn, SelectCount } from '@tidemark/query';
import type { Catalog, Relationship } from '../catalog/catalog.ts';
import { identifier, type Params } from './params.ts';

export interface PlanContext {
  readonly catalog: Catalog;
  readonly params: Params;
  /** Maximum number of rows of the root and of each to-many embed; null: unlimited. */
  readonly maxRows: number | null;
  /** The representation that domains with casts have in the answer. */
  readonly output: 'json' | 'text';
  alias(base: string): string;
}

export interface Output {
  readonly name: string;
  readonly sql: string;
  readonly aggregated: boolean;
  /** The column whose representation it shows: rows are grouped and ordered by the value itself. */
  readonly represents?: string;
  /** The field that it shows as it is. */
  readonly field?: Field;
  /** The aggregate that a level further up computes over this value. */
  readonly hoisted?: SelectColumn | SelectCount;
}

/** How the level above uses the rows of a level. */
export interface LevelUse {
  /** Names each column, because the rows have more than the relation's columns, or are taken apart. */
  readonly expands?: boolean;
  /** The level above groups by the columns, so that they need an equality: jsonb instead of json. */
  readonly grouped?: boolean;
  /** The level above computes the aggregates. */
  readonly hoists?: boolean;
  /** At most one row is used. */
  readonly single?: 'proven' | 'first';
}

export interface LevelSql {
  readonly outputs: readonly Output[];
  readonly joins: readonly EmbedJoin[];
  readonly where: readonly string[];
  /** The rows are groups of rows; with an empty `groupBy` there is one group. */
  readonly aggregates: boolean;
  readonly groupBy: string;
  readonly orderBy: string;
  readonly limit: string;
}

export interface EmbedJoin {
  /** Alias or name, as used in paths and null tests. */
  readonly name: string;
  readonly relationship: Relationship;
  readonly sql: string;
  /** The columns that the embed adds to the SELECT list of its parent. */
  readonly outputs: readonly Output[];
  /** A condition that is true when there is no related row. */
  readonly isNull: string;
  /** True when the embed selects rows of the parent: it is inner, or its null test is a condition. */
  readonly filters: boolean;
  /** Returns the joined column with the value of a field, if there is one. */
  columnOf(field: Field): string | undefined;
}

export function outputsSql(outputs: readonly Output[]): string {
  return outputs
    .map((output) => (output.name === '*' ? output.sql : `${output.sql} as ${identifier(output.name)}`))
    .join(', ');
}

export function selectSql(level: LevelSql, from: string, extraWhere: readonly string[] = []): string {
  const conditions = [...extraWhere, ...level.where];
  const where = conditions.length > 0 ? ` where ${conditions.join(' and ')}` : '';
  const joins = level.joins.map((join) => ` ${join.sql}`).join('');
  return `select ${outputsSql(level.outputs)} from ${from}${joins}${where}${level.groupBy}${level.orderBy}${level.limit}`;
}
