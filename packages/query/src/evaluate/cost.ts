/**
 * What a compiled filter costs, in steps of about 20 ns (one state of a regular expression looking at one character), so that
 * whoever runs filters of strangers on every change can refuse those that are too dear before they run. An upper bound of the
 * work, not a measurement: the same text costs the same on every machine.
 */

export interface FilterCost {
  /** Steps for a row, however long its values are. */
  readonly fixed: number;
  /** By column: steps for each character of its value. Columns whose length does not matter are absent. */
  readonly perCharacter: Readonly<Record<string, number>>;
  /** Constants that stay in memory: values of lists, and the characters of all constants in units of 100 bytes. */
  readonly held: number;
}

/** A simple comparison, with reading its column. */
export const COMPARISON_STEPS = 5;
/** Reading a number with decimals, or a point in time, out of its text. */
const PARSED_STEPS: Readonly<Record<string, number>> = {
  numeric: 20,
  date: 30,
  time: 30,
  timetz: 30,
  timestamp: 60,
  timestamptz: 60,
};
/** Comparing, trimming or copying text natively: about 2 ns a character. */
export const NATIVE_CHARACTER_STEPS = 0.1;

/** Steps to read one value of a type that the evaluator knows. */
export const readingSteps = (type: string): number => COMPARISON_STEPS + (PARSED_STEPS[type] ?? 0);

/** Adds up what the filters of one query cost. */
export class CostSum {
  #fixed = 0;
  #held = 0;
  #perCharacter = new Map<string, number>();

  add(fixed: number): void {
    this.#fixed += fixed;
  }

  hold(constants: readonly (string | null)[]): void {
    let characters = 0;
    for (const constant of constants) characters += constant?.length ?? 0;
    this.#held += constants.length + characters / 100;
  }

  addPerCharacter(column: string, steps: number): void {
    this.#perCharacter.set(column, (this.#perCharacter.get(column) ?? 0) + steps);
  }

  total(): FilterCost {
    return { fixed: this.#fixed, perCharacter: Object.fromEntries(this.#perCharacter), held: this.#held };
  }
}

/** Steps for a row whose columns are all `length` characters long. */
export function stepsAt(cost: FilterCost, length: number): number {
  let steps = cost.fixed;
  for (const perCharacter of Object.values(cost.perCharacter)) steps += perCharacter * length;
  return steps;
}
