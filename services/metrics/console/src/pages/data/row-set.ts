/** The rows of a subscription, by their key and in their order, with what the newest changes did to them. */
import type { LiveChange } from '@tidemark/contracts';

export interface Row {
  key: string;
  values: Readonly<Record<string, unknown>>;
  /** ms since 1970 of the last change; undefined for a row of the snapshot. */
  changedAt: number | undefined;
  /** The columns that it changed. */
  changed: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();
/** A table without a limit may have any number of rows; the page keeps these. */
export const MAX_ROWS = 2_000;

export class RowSet {
  readonly #key: readonly string[];
  #rows: Row[] = [];
  #number = 0;

  /** @param key the columns that identify a row; none: rows have numbers */
  constructor(key: readonly string[]) {
    this.#key = key;
  }

  rows(): readonly Row[] {
    return [...this.#rows];
  }

  add(rows: readonly Record<string, unknown>[]): void {
    for (const values of rows) {
      if (this.#rows.length >= MAX_ROWS) return;
      this.#rows.push({ key: this.#keyOf(values), values, changedAt: undefined, changed: NONE });
    }
  }

  apply(changes: readonly LiveChange[], now: number = Date.now()): void {
    const windowed: { row: Row; index: number }[] = [];
    for (const { type, row: values, old, index } of changes) {
      const key = this.#keyOf(values ?? old ?? {});
      const at = this.#rows.findIndex((one) => one.key === key);
      const before = this.#rows[at];
      if (type === 'delete' || type === 'leave') {
        if (before) this.#rows.splice(at, 1);
        continue;
      }
      const merged = { ...before?.values, ...values };
      const changed = new Set(Object.keys(merged).filter((name) => !isEqual(before?.values[name], merged[name])));
      const row: Row = { key, values: merged, changedAt: now, changed };
      if (index !== undefined) {
        if (before) this.#rows.splice(at, 1);
        windowed.push({ row, index });
      } else if (before) this.#rows[at] = row;
      else this.#rows.unshift(row);
    }
    // In a window, all rows of the frame are taken out first, and then put at their places, ascending.
    for (const { row, index } of windowed.sort((a, b) => a.index - b.index)) this.#rows.splice(index, 0, row);
    this.#rows.length = Math.min(this.#rows.length, MAX_ROWS);
  }

  #keyOf(values: Record<string, unknown>): string {
    if (this.#key.length === 0) return `#${this.#number++}`;
    return JSON.stringify(this.#key.map((name) => values[name]));
  }
}

const isEqual = (a: unknown, b: unknown) => a === b || JSON.stringify(a) === JSON.stringify(b);
