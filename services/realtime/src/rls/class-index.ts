/**
 * Finds the rights classes of a table that a change may concern, by the values of the columns that their policies pin
 * (policies/claim-equality.ts), so that a change is not told to ten thousand users of whom one may see it.
 */
import type { EqualityKeys } from '@tidemark/query';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import type { RequiredValue } from '../policies/claim-equality.ts';

export interface IndexedClass {
  /** Undefined where any row may be seen. */
  readonly required: readonly RequiredValue[] | undefined;
}

interface PinnedColumn {
  column: string;
  keys: EqualityKeys;
  byKey: Map<string, Set<IndexedClass>>;
}

export class ClassIndex<C extends IndexedClass> {
  readonly all = new Set<C>();
  #unindexed = new Set<C>();
  /** By name and type, which differ while a column's type is being changed. */
  #columns = new Map<string, PinnedColumn>();

  add(group: C): void {
    this.all.add(group);
    if (!group.required) this.#unindexed.add(group);
    for (const { column, type, keys, key } of group.required ?? []) {
      const name = placeName(column, type);
      let place = this.#columns.get(name);
      if (!place) {
        place = { column, keys, byKey: new Map() };
        this.#columns.set(name, place);
      }
      const found = place.byKey.get(key);
      if (found) found.add(group);
      else place.byKey.set(key, new Set([group]));
    }
  }

  delete(group: C): void {
    this.all.delete(group);
    this.#unindexed.delete(group);
    for (const { column, type, key } of group.required ?? []) {
      const name = placeName(column, type);
      const place = this.#columns.get(name);
      const found = place?.byKey.get(key);
      found?.delete(group);
      if (found?.size === 0) place?.byKey.delete(key);
      if (place?.byKey.size === 0) this.#columns.delete(name);
    }
  }

  /** Those that have to be told of the envelope. @throws SyntaxError where it cannot be read */
  concerned(envelope: ChangeEnvelope): ReadonlySet<C> {
    const { changes, ends } = envelope.body();
    // The last part of a transaction is told to all that may have been given another one.
    return ends ? this.all : this.concernedBy(changes);
  }

  concernedBy(changes: readonly RowChange[]): ReadonlySet<C> {
    if (changes.length === 0) return new Set();
    if (this.#unindexed.size === this.all.size) return this.all;
    if (changes.some(({ type }) => type === 'truncate')) return this.all;
    const found = new Set(this.#unindexed);
    for (const { row, before } of changes) {
      if ((row && !this.#collect(row, found)) || (before && !this.#collect(before, found))) return this.all;
    }
    return found;
  }

  /** False where the image lacks a column that would say whom it concerns. */
  #collect(image: RowImage, found: Set<C>): boolean {
    for (const { column, keys, byKey } of this.#columns.values()) {
      const names = [column];
      if (!image.has(names)) return false;
      const key = keys.value(image.values(names)[column]);
      // NULL equals nothing.
      if (key === null) continue;
      for (const group of byKey.get(key) ?? []) found.add(group as C);
    }
    return true;
  }
}

const placeName = (column: string, type: string): string => `${column}\0${type}`;
