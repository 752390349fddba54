/** The rows of a query by primary key; equal rows of a table without a key are counted. */
import type { LiveChange } from './frames.ts';
import { rowKey } from './row-key.ts';

type Row = Record<string, unknown>;

export class Rows {
  #key: readonly string[];
  #rows = new Map<string, { row: Row; count: number }>();
  #array: Row[] | undefined;

  constructor(key: readonly string[] = []) {
    this.#key = key;
  }

  /** Returns the rows in the order of the snapshot or window, later rows last; a new array only after a change. */
  toArray(): Row[] {
    this.#array ??= [...this.#rows.values()].flatMap(({ row, count }) => new Array<Row>(count).fill(row));
    return this.#array;
  }

  add(row: Row): void {
    this.#array = undefined;
    const id = this.#id(row);
    const known = this.#rows.get(id);
    // With a key, a row that arrives twice is the same row.
    if (known && this.#key.length === 0) known.count += 1;
    else if (known) known.row = row;
    else this.#rows.set(id, { row, count: 1 });
  }

  #remove(old: Row): void {
    this.#array = undefined;
    const id = this.#id(old);
    const known = this.#rows.get(id);
    if (known && known.count > 1) known.count -= 1;
    else this.#rows.delete(id);
  }

  /** Applies the changes of a transaction; those of a window carry the places of their rows. */
  apply(changes: readonly LiveChange[]): void {
    if (changes.some(({ index }) => index !== undefined)) this.#place(changes);
    else for (const change of changes) this.#applyOne(change);
  }

  #applyOne({ type, row, old }: LiveChange): void {
    if (old) this.#remove(old);
    if (type !== 'delete' && type !== 'leave') this.add(row as Row);
  }

  /** Removes all rows first, because an index does not count the rows that are not placed yet. */
  #place(changes: readonly LiveChange[]): void {
    for (const { row, old } of changes) this.#remove((row ?? old) as Row);
    const entries = [...this.#rows];
    for (const { row, index } of changes) {
      if (row && index !== undefined) entries.splice(index, 0, [this.#id(row), { row, count: 1 }]);
    }
    this.#rows = new Map(entries);
  }

  #id(row: Row): string {
    return rowKey(row, this.#key);
  }
}
