/** The columns that a filter pins to constants, so that subscriptions can be found by value instead of tried one by one. */
import type { Condition } from '../ast.ts';
import { parseArrayLiteral } from './array-literal.ts';
import { type ColumnType, scalarOf } from './scalar.ts';

export interface EqualityColumn {
  readonly column: string;
  /** One of these, as in the query. Compare by `equalityKeys`, as 1, 01 and +1 are the same integer. */
  readonly values: readonly string[];
}

/**
 * The columns constrained by `eq`, `in` or `eq(any)` at the top level AND (also inside needless `and` groups): a row that
 * matches has one of the values in each. A column that is constrained twice is listed once, with the fewer values. Sorted
 * by column.
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
  /** The key of a constant in a filter, or null when it is no constant of the type in a form that is read here. */
  constant(text: string): string | null;
  /** The key of a row's value (JSON or text), or null for NULL and for what is no value of the type. */
  value(raw: unknown): string | null;
}

/** Keys that are equal exactly when Postgres holds the values equal; null for types that only it can compare. */
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
