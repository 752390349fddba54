import type { ChangeEnvelope } from '../changes/envelope.ts';
import { EqualityIndex } from '../query/equality-index.ts';
import type { TableFacts } from '../tables/table-facts.ts';
import { CHANGED, UNREADABLE } from '../topics/resync-reasons.ts';
import type { RlsGroup } from './rls-group.ts';
import { requiredTerms } from './rls-group-key.ts';

export class RlsGroups {
  #groups = new Map<string, RlsGroup>();
  #ofTable = new Map<string, EqualityIndex<RlsGroup>>();
  #onUnreadable: (table: string, error: Error) => void;

  constructor(onUnreadable: (table: string, error: Error) => void) {
    this.#onUnreadable = onUnreadable;
  }

  get size(): number {
    return this.#groups.size;
  }

  findOrMake(groupKey: string, tableKey: string, make: () => RlsGroup): RlsGroup {
    const found = this.#groups.get(groupKey);
    if (found) return found;
    const group = make();
    this.#groups.set(groupKey, group);
    let ofTable = this.#ofTable.get(tableKey);
    if (!ofTable) {
      ofTable = new EqualityIndex();
      this.#ofTable.set(tableKey, ofTable);
    }
    ofTable.add(group, requiredTerms(group.required));
    return group;
  }

  delete(groupKey: string, tableKey: string): void {
    const group = this.#groups.get(groupKey);
    if (!group) return;
    group.close();
    this.#groups.delete(groupKey);
    const ofTable = this.#ofTable.get(tableKey);
    ofTable?.delete(group);
    if (ofTable?.size === 0) this.#ofTable.delete(tableKey);
  }

  receive(envelope: ChangeEnvelope): void {
    const index = this.#ofTable.get(envelope.table);
    if (!index) return;
    let concerned: Iterable<RlsGroup>;
    try {
      const { changes, ends } = envelope.body();
      // Any group may have received an earlier part of a transaction, and then waits for the last one.
      concerned = ends ? [...index.all()] : index.concerned(changes);
    } catch (error) {
      for (const group of [...index.all()]) this.#unreadable(group, error as Error);
      return;
    }
    for (const group of concerned) {
      try {
        group.receive(envelope);
      } catch (error) {
        this.#unreadable(group, error as Error);
      }
    }
  }

  redefine(tableKeys: readonly string[], isRedefined: (facts: TableFacts) => boolean): void {
    for (const key of tableKeys) {
      for (const group of [...(this.#ofTable.get(key)?.all() ?? [])]) {
        if (group.rendered.isMixed || isRedefined(group.facts)) group.resync(CHANGED);
      }
    }
  }

  #unreadable(group: RlsGroup, error: Error): void {
    this.#onUnreadable(group.facts.table, error);
    group.resync(UNREADABLE);
  }
}
