/** Finds the entries (topics, RLS groups) that a row may concern, so that few of ten thousand are tested. */
import type { EqualityKeys } from '@tidemark/query';
import type { RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';

/** A row must have one of the combinations. An entry with several terms requires any of them. */
export interface EqualityTerm {
  /** Equal for terms over the same columns and types. */
  shape: string;
  columns: readonly string[];
  keys: readonly EqualityKeys[];
  combinations: Iterable<string>;
}

interface Shape<T> {
  columns: readonly string[];
  keys: readonly EqualityKeys[];
  entries: Map<string, Set<T>>;
}

export class EqualityIndex<T> {
  #terms = new Map<T, readonly EqualityTerm[] | undefined>();
  #shapes = new Map<string, Shape<T>>();
  #unindexed = new Set<T>();

  get size(): number {
    return this.#terms.size;
  }

  /** Number of entries that every change is tested against. */
  get unindexed(): number {
    return this.#unindexed.size;
  }

  all(): IterableIterator<T> {
    return this.#terms.keys();
  }

  /** @param terms undefined where any row may concern the entry */
  add(entry: T, terms: readonly EqualityTerm[] | undefined): void {
    this.#terms.set(entry, terms);
    if (!terms) this.#unindexed.add(entry);
    for (const { shape: name, columns, keys, combinations } of terms ?? []) {
      let shape = this.#shapes.get(name);
      if (!shape) {
        shape = { columns, keys, entries: new Map() };
        this.#shapes.set(name, shape);
      }
      for (const key of combinations) {
        const entries = shape.entries.get(key);
        if (entries) entries.add(entry);
        else shape.entries.set(key, new Set([entry]));
      }
    }
  }

  delete(entry: T): void {
    const terms = this.#terms.get(entry);
    this.#terms.delete(entry);
    this.#unindexed.delete(entry);
    for (const { shape: name, combinations } of terms ?? []) {
      const shape = this.#shapes.get(name);
      if (!shape) continue;
      for (const key of combinations) {
        const entries = shape.entries.get(key);
        entries?.delete(entry);
        if (entries?.size === 0) shape.entries.delete(key);
      }
      if (shape.entries.size === 0) this.#shapes.delete(name);
    }
  }

  collect({ type, row, before }: RowChange, found: Set<T>): void {
    addAll(type === 'truncate' ? this.all() : this.#unindexed, found);
    if (row) this.#collect(row, found);
    if (before) this.#collect(before, found);
  }

  concerned(changes: Iterable<RowChange>): Set<T> {
    const found = new Set<T>();
    for (const change of changes) {
      if (found.size === 0) addAll(this.#unindexed, found);
      if (change.type === 'truncate') addAll(this.all(), found);
      if (found.size === this.size) break;
      if (change.row) this.#collect(change.row, found);
      if (change.before) this.#collect(change.before, found);
    }
    return found;
  }

  #collect(image: RowImage, found: Set<T>): void {
    for (const { columns, keys, entries } of this.#shapes.values()) {
      // A row that lacks one of the columns may have any value in it.
      if (!image.has(columns)) for (const some of entries.values()) addAll(some, found);
      else {
        const key = keyOf(image.values(columns), columns, keys);
        const some = key === undefined ? undefined : entries.get(key);
        if (some) addAll(some, found);
      }
    }
  }
}

function addAll<T>(entries: Iterable<T>, found: Set<T>): void {
  for (const entry of entries) found.add(entry);
}

function keyOf(
  values: Record<string, unknown>,
  columns: readonly string[],
  keys: readonly EqualityKeys[],
): string | undefined {
  const parts: string[] = [];
  for (let n = 0; n < columns.length; n++) {
    const part = (keys[n] as EqualityKeys).value(values[columns[n] as string]);
    if (part === null) return undefined;
    parts.push(part);
  }
  return combinationKey(parts);
}

/** One value is its own key: all keys of a shape have the same number of values, so that none equals a joined one. */
export const combinationKey = (parts: readonly string[]): string =>
  parts.length === 1 ? (parts[0] as string) : JSON.stringify(parts);
