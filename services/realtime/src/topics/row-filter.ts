/** A query's filter as it runs on row images, and what that costs. */
import { type FilterCost, type Predicate, stepsAt } from '@tidemark/query';
import type { RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';

/** One step of a filter takes about this long (packages/query, evaluate/cost.ts). */
export const STEP_MS = 20e-6;
/** Length of values that a filter's cost is reckoned with when it is admitted: a longer one is reckoned with when it comes. */
const ADMITTED_LENGTH = 1_000;
/** A constant in memory, with its place in an index, weighs as much as so many steps. */
const HELD_STEPS = 5;
/** Finding the topic, and making nothing of the change. */
const MATCHING_STEPS = 10;
/** Up to here a filter is no more work than the delivery itself: 20 µs. Dearer ones have rights classes of their own. */
const CHEAP_STEPS = 1_000;

export class RowFilter {
  readonly test: Predicate;
  /** Columns that `test` reads. */
  readonly columns: readonly string[];
  /** The steps that the filter counts as in the budgets. */
  readonly steps: number;
  readonly isCheap: boolean;
  #fixed: number;
  #perCharacter: readonly (readonly [column: string, steps: number])[];

  constructor(test: Predicate, columns: readonly string[], cost: FilterCost) {
    this.test = test;
    this.columns = columns;
    const running = stepsAt(cost, ADMITTED_LENGTH);
    this.steps = Math.ceil(running + cost.held * HELD_STEPS);
    this.isCheap = running <= CHEAP_STEPS;
    this.#fixed = cost.fixed;
    this.#perCharacter = Object.entries(cost.perCharacter);
  }

  /** Steps for this image, whose values may be long. */
  stepsFor(image: RowImage): number {
    let steps = this.#fixed;
    for (const [column, perCharacter] of this.#perCharacter) {
      steps += perCharacter * (image.column(column)?.length ?? 0);
    }
    return steps;
  }

  /** Steps for the images of a change. */
  stepsForChange({ row, before }: RowChange): number {
    return MATCHING_STEPS + (row ? this.stepsFor(row) : 0) + (before ? this.stepsFor(before) : 0);
  }

  /** Undefined: not known, since the image lacks a column of the filter. */
  passes(image: RowImage): boolean | undefined {
    if (!image.has(this.columns)) return undefined;
    return this.test(image.values(this.columns)) === true;
  }
}
