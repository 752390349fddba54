/** The parts of a SELECT that one level of a query becomes, and how they are put together. */
import type { Catalog, Relationship } from '../catalog/catalog.ts';
import { identifier, type Params } from './params.ts';

export interface PlanContext {
  readonly catalog: Catalog;
  readonly params: Params;
  /** At most so many rows of the root and of each to-many embed; null for no limit. */
  readonly maxRows: number | null;
  /** A name that no other level of the statement has. */
  alias(base: string): string;
}

/** An item of a SELECT list. */
export interface Output {
  readonly name: string;
  readonly sql: string;
  readonly aggregated: boolean;
}

export interface LevelSql {
  readonly outputs: readonly Output[];
  readonly joins: readonly EmbedJoin[];
  readonly where: readonly string[];
  readonly groupBy: string;
  readonly orderBy: string;
  readonly limit: string;
}

/** An embed as a join of its parent’s SELECT. */
export interface EmbedJoin {
  /** Alias or name: what paths and null tests call it. */
  readonly name: string;
  readonly relationship: Relationship;
  readonly sql: string;
  /** What it adds to the parent's SELECT list. */
  readonly outputs: readonly Output[];
  /** A condition that holds where there is no related row. */
  readonly isNull: string;
  /** Whether it decides which rows of the parent there are: by being inner, or because its null test is a condition. */
  readonly filters: boolean;
}

export function outputsSql(outputs: readonly Output[]): string {
  if (outputs.length === 0) return '1';
  return outputs
    .map((output) => (output.name === '*' ? output.sql : `${output.sql} as ${identifier(output.name)}`))
    .join(', ');
}

/** The whole SELECT of a level that reads `from`. */
export function selectSql(level: LevelSql, from: string, extraWhere: readonly string[] = []): string {
  const conditions = [...extraWhere, ...level.where];
  const where = conditions.length > 0 ? ` where ${conditions.join(' and ')}` : '';
  const joins = level.joins.map((join) => ` ${join.sql}`).join('');
  return `select ${outputsSql(level.outputs)} from ${from}${joins}${where}${level.groupBy}${level.orderBy}${level.limit}`;
}
