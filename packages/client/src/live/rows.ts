/** The rows of a query, kept by their key; without a primary key by all they hold, and counted. */
import type { LiveChange } from './frames.ts';
import { rowName } from './row-name.ts';

type Row = Record<string, unknown>;

export class Rows {
  #key: readonly string[];
  #rows = new Map<string, { row: Row; count: number }>();
  #array: Row[] | undefined;

  /** @param key members of a row that are its primary key; empty where the table has none */
  constructor(key: readonly string[] = []) {
    this.#key = key;
  }

  /** In the order of the snapshot, later rows behind, those of a window in its order; a new array only after a change. */
  toArray(): Row[] {
    this.#array ??= [...this.#rows.values()].flatMap(({ row, count }) => new Array<Row>(count).fill(row));
    return this.#array;
  }

  add(row: Row): void {
    this.#array = undefined;
    const id = this.#id(row);
    const known = this.#rows.get(id);
    // With a key, a row that comes twice is the same row.
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

  /** The changes of a transaction, or of a window: those say the places of their rows. */
  apply(changes: readonly LiveChange[]): void {
    if (changes.some(({ index }) => index !== undefined)) this.#place(changes);
    else for (const change of changes) this.#applyOne(change);
  }

  #applyOne({ type, row, old }: LiveChange): void {
    if (old) this.#remove(old);
    if (type !== 'delete' && type !== 'leave') this.add(row as Row);
  }

  /** All of them out first: an index counts without the rows that have not been put yet. */
  #place(changes: readonly LiveChange[]): void {
    for (const { row, old } of changes) this.#remove((row ?? old) as Row);
    const entries = [...this.#rows];
    for (const { row, index } of changes) {
      if (row && index !== undefined) entries.splice(index, 0, [this.#id(row), { row, count: 1 }]);
    }
    this.#rows = new Map(entries);
  }

  #id(row: Row): string {
    return rowName(row, this.#key);
  }
}
