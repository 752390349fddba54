/**
 * Aliases of tables end in a number that is counted over the statement, so that no two are equal, whatever the tables
 * are called. Fixed aliases of the planner (`_t`, `_written`) end in no number. Columns cannot be taken for tables,
 * because every column is qualified and every row is written `alias.*`.
 */
import type { Catalog, Relation } from '../catalog/catalog.ts';
import type { Source } from './fields.ts';
import type { PlanContext } from './level-sql.ts';
import { identifier, type Params, qualified } from './params.ts';

/** Postgres cuts identifiers at 63 bytes, and must not cut off the number. */
const MAX_BASE_BYTES = 40;

/** CSV has texts, all other media types have JSON. */
export const outputOf = (kind: string | undefined): PlanContext['output'] => (kind === 'csv' ? 'text' : 'json');

export function planContext(
  catalog: Catalog,
  params: Params,
  maxRows: number | null,
  output: PlanContext['output'] = 'json',
): PlanContext {
  let next = 0;
  return {
    catalog,
    params,
    maxRows,
    output,
    alias: (base) => {
      next += 1;
      return `${Buffer.from(base).subarray(0, MAX_BASE_BYTES).toString().replaceAll('\ufffd', '')}_${next}`;
    },
  };
}

export interface RootSource extends Source {
  readonly relation: Relation;
}

export const rootSource = (context: PlanContext, relation: Relation): RootSource => ({
  alias: context.alias(relation.name),
  relation,
});

export const fromSql = ({ alias, relation }: RootSource): string => `${qualified(relation)} as ${identifier(alias)}`;

/** Returns a name of a column of the planner that no column of the relation has. */
export function freeColumn(relation: Relation, base: string): string {
  let name = base;
  while (relation.columns.has(name) || relation.computed.has(name)) name = `_${name}`;
  return name;
}
