import type { Condition } from '@tidemark/query';

/** Returns the columns that a condition `column=eq.value` fixes. */
export function fixedColumns(where: readonly Condition[]): ReadonlySet<string> {
  const fixed = new Set<string>();
  for (const condition of where) {
    if (condition.kind !== 'compare' || condition.op !== 'eq' || condition.negate) continue;
    if (condition.quantifier === null && condition.field.json.length === 0) fixed.add(condition.field.name);
  }
  return fixed;
}

/** Returns whether the conditions fix each column of a key; a relation without a key has none. */
export function fixesKey(key: readonly string[], where: readonly Condition[]): boolean {
  if (key.length === 0) return false;
  const fixed = fixedColumns(where);
  return key.every((column) => fixed.has(column));
}
