import { errors } from '../errors.ts';

/** Column → JSON value or Postgres text; null is SQL's NULL. */
export type Row = Readonly<Record<string, unknown>>;

/** true, false, or null for unknown. */
export type Predicate = (row: Row) => boolean | null;

export function reader<T>(column: string, value: (raw: unknown) => T | undefined, type = 'value') {
  return (row: Row): T | null => {
    const raw = row[column];
    if (raw === null) return null;
    if (raw === undefined) throw errors.MISSING_COLUMN({ column });
    const read = value(raw);
    if (read === undefined) throw errors.BAD_ROW_VALUE({ column, type, value: String(raw) });
    return read;
  };
}

export function all(tests: readonly Predicate[]): Predicate {
  const [only] = tests;
  if (tests.length === 1 && only) return only;
  return (row) => {
    let result: boolean | null = true;
    for (const test of tests) {
      const value = test(row);
      if (value === false) return false;
      if (value === null) result = null;
    }
    return result;
  };
}

export function any(tests: readonly Predicate[]): Predicate {
  const [only] = tests;
  if (tests.length === 1 && only) return only;
  return (row) => {
    let result: boolean | null = false;
    for (const test of tests) {
      const value = test(row);
      if (value === true) return true;
      if (value === null) result = null;
    }
    return result;
  };
}

export function not(test: Predicate): Predicate {
  return (row) => {
    const value = test(row);
    return value === null ? null : !value;
  };
}
