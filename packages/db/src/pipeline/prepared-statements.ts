/** The key is role and text, since a plan under row-level security holds for one role. */

import { type PreparedBudget, preparedCost } from '../connection/prepared-budget.ts';
import type { PoolMeter } from '../pool/meter.ts';
import type { Prepared } from './pipelined-read.ts';

let names = 0;

interface Kept extends Prepared {
  readonly cost: number;
  usedAt: number;
}

export class PipelineStatements {
  readonly #budget: PreparedBudget;
  readonly #meter: PoolMeter;
  readonly #byRole = new Map<string, Map<string, Kept>>();
  readonly #setters = new Map<string, Prepared>();
  readonly #toClose: string[] = [];
  #uses = 0;

  constructor(budget: PreparedBudget, meter: PoolMeter) {
    this.#budget = budget;
    this.#meter = meter;
  }

  setter(text: string): Prepared {
    let set = this.#setters.get(text);
    if (set === undefined) {
      set = newPrepared();
      this.#setters.set(text, set);
      this.#budget.add(preparedCost(text));
    }
    return set;
  }

  /** Returns the prepared statement. A statement that has no room is parsed for this run alone. */
  of(role: string, text: string): Prepared {
    let ofRole = this.#byRole.get(role);
    if (ofRole === undefined) {
      ofRole = new Map();
      this.#byRole.set(role, ofRole);
    }
    const known = ofRole.get(text);
    if (known !== undefined) {
      known.usedAt = ++this.#uses;
      return known;
    }
    const cost = preparedCost(text);
    if (!this.#makeRoom(cost)) return { name: '', state: 'parsing', columns: [] };
    const prepared: Kept = { ...newPrepared(), cost, usedAt: ++this.#uses };
    ofRole.set(text, prepared);
    this.#budget.add(cost);
    return prepared;
  }

  /** Reads already sent meet the same error and forget it as well. */
  forget(role: string, text: string, prepared: Prepared): void {
    const ofRole = this.#byRole.get(role);
    const kept = ofRole?.get(text);
    if (ofRole === undefined || kept === undefined || kept !== prepared) return;
    this.#drop(ofRole, text, kept);
  }

  forgetAll(): void {
    for (const ofRole of this.#byRole.values()) for (const [text, kept] of [...ofRole]) this.#drop(ofRole, text, kept);
  }

  get hasToClose(): boolean {
    return this.#toClose.length > 0;
  }

  nextToClose(): string | undefined {
    return this.#toClose.pop();
  }

  #makeRoom(cost: number): boolean {
    const budget = this.#budget;
    if (!budget.accepts(cost)) return false;
    while (!budget.hasRoom(cost)) {
      if (this.#evict()) continue;
      // The driver has the rest of the budget, and closes nothing.
      budget.isFull = true;
      return false;
    }
    return true;
  }

  /** Compares some hundred statements, and only when a new one is prepared. Returns false when there is none to close. */
  #evict(): boolean {
    let oldest: { ofRole: Map<string, Kept>; text: string; kept: Kept } | undefined;
    for (const ofRole of this.#byRole.values()) {
      for (const [text, kept] of ofRole) {
        // A statement that is being prepared stays, because its run tells whether it exists.
        if (kept.state === 'parsing' || (oldest !== undefined && kept.usedAt > oldest.kept.usedAt)) continue;
        oldest = { ofRole, text, kept };
      }
    }
    if (oldest === undefined) return false;
    this.#drop(oldest.ofRole, oldest.text, oldest.kept);
    this.#meter.evictedTotal++;
    return true;
  }

  #drop(ofRole: Map<string, Kept>, text: string, kept: Kept): void {
    ofRole.delete(text);
    this.#budget.remove(kept.cost);
    this.#toClose.push(kept.name);
  }
}

function newPrepared(): Prepared {
  names++;
  return { name: `pipeline${names}`, state: 'absent', columns: [] };
}
