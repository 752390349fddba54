/** A query's filter as it runs on row images, and what that costs. */
import { TidemarkError } from '@tidemark/contracts';
import { type Condition, type FilterCost, type Predicate, stepsAt } from '@tidemark/query';
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
/** Up to here a filter is no more work than the delivery itself: 20 µs. */
const CHEAP_STEPS = 1_000;

/** `cheap` ones run at once, `costly` ones in slices of time; of what is `asked`, Postgres decides. */
export type FilterKind = 'cheap' | 'costly' | 'asked';

export interface FilterParts {
  /** What is decided here. Rows for which it is false are not asked about. */
  local: { test: Predicate; cost: FilterCost };
  /** What Postgres decides, of rows that `local` lets pass. */
  asked: readonly Condition[];
  /** Columns that either reads. */
  columns: readonly string[];
  /** What Postgres may be asked, equal for filters that share the question; undefined where it only is about values that are too long. */
  question: string | undefined;
}

/** The columns that conditions on the table itself read, each once. */
export function columnsOf(where: readonly Condition[]): string[] {
  const columns = where.flatMap((condition): string[] => {
    if (condition.kind === 'and' || condition.kind === 'or') return columnsOf(condition.conditions);
    return condition.kind === 'embed-null' ? [] : [condition.field.name];
  });
  return [...new Set(columns)];
}

export class RowFilter {
  readonly asked: readonly Condition[];
  readonly columns: readonly string[];
  readonly question: string | undefined;
  /** The steps that the filter counts as in the budgets, without those of its question. */
  readonly steps: number;
  readonly kind: FilterKind;
  #test: Predicate;
  #fixed: number;
  #perCharacter: readonly (readonly [column: string, steps: number])[];

  constructor({ local, asked, columns, question }: FilterParts) {
    this.#test = local.test;
    this.asked = asked;
    this.columns = columns;
    this.question = question;
    const running = stepsAt(local.cost, ADMITTED_LENGTH);
    this.steps = Math.ceil(running + local.cost.held * HELD_STEPS);
    this.kind = question !== undefined ? 'asked' : running <= CHEAP_STEPS ? 'cheap' : 'costly';
    this.#fixed = local.cost.fixed;
    this.#perCharacter = Object.entries(local.cost.perCharacter);
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

  /** Undefined: not known here, since the image lacks a column of the filter, or Postgres has to be asked. */
  passes(image: RowImage): boolean | undefined {
    const passed = this.passesLocal(image);
    return passed && this.asked.length > 0 ? undefined : passed;
  }

  /** Undefined as well for a value that only Postgres reads, such as a number of more than 10,000 digits. */
  passesLocal(image: RowImage): boolean | undefined {
    if (!image.has(this.columns)) return undefined;
    try {
      return this.#test(image.values(this.columns)) === true;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'QUERY_BAD_ROW_VALUE') return undefined;
      throw error;
    }
  }
}
