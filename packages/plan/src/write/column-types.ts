/**
 * A column may be retyped after the catalog was read. The body would then be read with the former type, and a value
 * that fits both may lose digits or its time zone. So each statement compares the types, once and without reading a
 * row, and fails by an impossible cast, whose message reply/postgres-errors.ts of the gateway knows.
 */
import type { Relation } from '../catalog/catalog.ts';
import { identifier, literal, qualified } from '../sql/params.ts';

export const RETYPED = 'tidemark_retyped:';

/** SQL of a condition. Postgres plans the comparison again when the table is altered. */
export function sameTypesSql(relation: Relation, columns: readonly string[]): string {
  const types = columns.map((name) => {
    const type = `pg_typeof((null::${qualified(relation)}).${identifier(name)})`;
    return { type, isSame: `${type} = ${literal(relation.columns.get(name)?.bareType ?? '')}::regtype` };
  });
  const all = types.map(({ isSame }) => isSame).join(' and ');
  // The text is not a constant: Postgres would evaluate the cast of one while it plans.
  return `case when ${all} then true else ('${RETYPED}' || ${types[0]?.type}::text)::int4 = 0 end`;
}
