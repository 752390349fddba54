/** The classes of rights of this instance, by table: found or made for a subscription, fed with envelopes, forgotten when nobody is left. */
import type { ChangeEnvelope } from '../changes/envelope.ts';
import { ClassIndex } from './class-index.ts';
import type { Membership } from './membership.ts';
import { CHANGED, UNREADABLE } from './resync-reasons.ts';
import type { RightsClass } from './rights-class.ts';
import type { TableFacts } from './table-facts.ts';

export class RightsClasses {
  #classes = new Map<string, RightsClass>();
  #ofTable = new Map<string, ClassIndex<RightsClass>>();
  #membership: Membership;
  #onUnreadable: (table: string, error: Error) => void;

  constructor(membership: Membership, onUnreadable: (table: string, error: Error) => void) {
    this.#membership = membership;
    this.#onUnreadable = onUnreadable;
  }

  get size(): number {
    return this.#classes.size;
  }

  findOrMake(classKey: string, tableKey: string, make: () => RightsClass): RightsClass {
    const found = this.#classes.get(classKey);
    if (found) return found;
    const rights = make();
    this.#classes.set(classKey, rights);
    let ofTable = this.#ofTable.get(tableKey);
    if (!ofTable) {
      ofTable = new ClassIndex();
      this.#ofTable.set(tableKey, ofTable);
    }
    ofTable.add(rights);
    return rights;
  }

  delete(classKey: string, tableKey: string): void {
    const rights = this.#classes.get(classKey);
    if (!rights) return;
    rights.close();
    this.#membership.delete(rights);
    this.#classes.delete(classKey);
    const ofTable = this.#ofTable.get(tableKey);
    ofTable?.delete(rights);
    if (ofTable?.all.size === 0) this.#ofTable.delete(tableKey);
  }

  receive(envelope: ChangeEnvelope): void {
    this.#membership.receive(envelope);
    const index = this.#ofTable.get(envelope.table);
    if (!index) return;
    let concerned: ReadonlySet<RightsClass>;
    try {
      concerned = index.concerned(envelope);
    } catch (error) {
      for (const rights of index.all) this.#unreadable(rights, error as Error);
      return;
    }
    for (const rights of concerned) {
      try {
        rights.receive(envelope);
      } catch (error) {
        this.#unreadable(rights, error as Error);
      }
    }
  }

  /** Ends those of these tables whose facts are of another definition. */
  redefine(tableKeys: readonly string[], isRedefined: (facts: TableFacts) => boolean): void {
    for (const key of tableKeys) {
      for (const rights of [...(this.#ofTable.get(key)?.all ?? [])]) {
        if (isRedefined(rights.facts)) rights.resync(CHANGED);
      }
    }
  }

  /** An envelope or a row that cannot be read: whoever follows the table has missed something. */
  #unreadable(rights: RightsClass, error: Error): void {
    this.#onUnreadable(rights.facts.table, error);
    rights.resync(UNREADABLE);
  }
}
