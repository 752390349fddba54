/** A prepared statement keeps the types that its parameters had when it was parsed, even when the schema changes. */
import { type PreparedBudget, preparedCost } from './prepared-budget.ts';
import type { RecentTexts } from './recent-texts.ts';

/** `alone`: parsed for this run only. `anew`: the driver closes what it prepared before, and prepares the text again. */
export type Preparation = 'alone' | 'prepared' | 'anew';

export class PreparedTexts {
  readonly #budget: PreparedBudget;
  readonly #recent: RecentTexts | undefined;
  readonly #current = new Set<string>();
  #stale = new Set<string>();

  constructor(budget: PreparedBudget, recent: RecentTexts | undefined) {
    this.#budget = budget;
    this.#recent = recent;
  }

  use(text: string): Preparation {
    if (this.#current.has(text)) return 'prepared';
    if (this.#stale.delete(text)) {
      this.#current.add(text);
      return 'anew';
    }
    const budget = this.#budget;
    const cost = preparedCost(text);
    if (!budget.accepts(cost) || this.#recent?.repeats(text) === false) return 'alone';
    if (!budget.hasRoom(cost)) {
      budget.isFull = true;
      return 'alone';
    }
    this.#current.add(text);
    budget.add(cost);
    return 'prepared';
  }

  forget(text: string): void {
    if (this.#current.delete(text)) this.#stale.add(text);
  }

  forgetAll(): void {
    for (const text of this.#current) this.#stale.add(text);
    this.#current.clear();
  }
}
