import { TidemarkError } from '@tidemark/contracts';
import { type Condition, type FilterCost, type Predicate, stepsAt } from '@tidemark/query';
import type { RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';

/** The steps are counted in packages/query, evaluate/cost.ts. */
export const STEP_MS = 20e-6;
/** Characters of a value that the admission of a filter assumes. */
const ADMITTED_LENGTH = 1_000;
/** Steps charged for a constant in memory, with its place in an index. */
const HELD_STEPS = 5;
const MATCHING_STEPS = 10;
/** Steps up to which a filter is no more work than the delivery itself: 20 µs. */
const CHEAP_STEPS = 1_000;

/** `cheap` filters run at once, `costly` ones in time slices, and Postgres evaluates those that are `asked`. */
export type FilterKind = 'cheap' | 'costly' | 'asked';

export interface FilterParts {
  /** The conditions that are evaluated here. Postgres is not asked about rows for which they are false. */
  local: { test: Predicate; cost: FilterCost };
  asked: readonly Condition[];
  columns: readonly string[];
  /** Filters with equal keys share a statement. Undefined means that Postgres is needed only for long values. */
  question: string | undefined;
}

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
  /** Steps charged to the budgets, without those of the statement. */
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

  stepsFor(image: RowImage): number {
    let steps = this.#fixed;
    for (const [column, perCharacter] of this.#perCharacter) {
      steps += perCharacter * (image.column(column)?.length ?? 0);
    }
    return steps;
  }

  stepsForChange({ row, before }: RowChange): number {
    return MATCHING_STEPS + (row ? this.stepsFor(row) : 0) + (before ? this.stepsFor(before) : 0);
  }

  passes(image: RowImage): boolean | undefined {
    const passed = this.passesLocal(image);
    return passed && this.asked.length > 0 ? undefined : passed;
  }

  /** Returns undefined also for a value that only Postgres reads, such as a number of more than 10,000 digits. */
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
