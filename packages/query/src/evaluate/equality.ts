/** An index finds subscriptions by the values of a row in these columns. */
import type { Condition } from '../ast.ts';
import { parseArrayLiteral } from './array-literal.ts';
import { type ColumnType, scalarOf } from './scalar.ts';

export interface EqualityColumn {
  readonly column: string;
  /** The constants as written in the query. Compare them by `equalityKeys`: 1, 01 and +1 are the same integer. */
  readonly values: readonly string[];
}

/**
 * Returns the columns that `eq`, `in` or `eq(any)` constrain in the top-level AND, sorted. A column that is
 * constrained twice is listed once, with the shorter list.
 */
export function equalityKey(where: readonly Condition[]): readonly EqualityColumn[] {
  const found = new Map<string, readonly string[]>();
  collect(where, found);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([column, values]) => ({ column, values }));
}

function collect(where: readonly Condition[], found: Map<string, readonly string[]>): void {
  for (const condition of where) {
    if (condition.negate) continue;
    if (condition.kind === 'and') {
      collect(condition.conditions, found);
      continue;
    }
    const values = constantsOf(condition);
    if (!values || condition.kind === 'or' || condition.kind === 'embed-null') continue;
    const { name, json } = condition.field;
    const before = found.get(name);
    if (json.length === 0 && (!before || values.length < before.length)) found.set(name, values);
  }
}

function constantsOf(condition: Condition): readonly string[] | null {
  if (condition.kind === 'in') return condition.values;
  if (condition.kind !== 'compare' || condition.op !== 'eq' || condition.quantifier === 'all') return null;
  if (condition.quantifier === null) return [condition.value];
  const items = parseArrayLiteral(condition.value);
  // A null element equals nothing.
  return items?.filter((item) => item !== null) ?? null;
}

export interface EqualityKeys {
  constant(text: string): string | null;
  value(raw: unknown): string | null;
}

/** Returns keys that are equal exactly if the values are equal in Postgres; null for types that only Postgres can compare. */
export function equalityKeys(type: ColumnType, options: { timeZone?: 'UTC' } = {}): EqualityKeys | null {
  const scalar = scalarOf(type, options.timeZone ?? null);
  if (!scalar) return null;
  return {
    constant: (text) => {
      const constant = scalar.constant(text);
      return constant === null ? null : scalar.key(constant);
    },
    value: (raw) => {
      const value = raw === null || raw === undefined ? undefined : scalar.value(raw);
      return value === undefined ? null : scalar.key(value);
    },
  };
}
