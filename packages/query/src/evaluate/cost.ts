/**
 * The cost of a compiled filter, in steps of about 20 ns (one state of a regular expression matching one character). The realtime
 * service runs clients' filters on every change and refuses expensive ones beforehand. The cost is an upper bound and the same on
 * every machine.
 */

export interface FilterCost {
  /** Steps for a row, independent of the length of its values. */
  readonly fixed: number;
  /** Steps for each character of a column's value. Columns whose length does not matter are absent. */
  readonly perCharacter: Readonly<Record<string, number>>;
  /** Constants that stay in memory: values of lists, and the characters of all constants in units of 100 bytes. */
  readonly held: number;
}

/** Steps of a simple comparison, including reading the column. */
export const COMPARISON_STEPS = 5;
/** Steps of parsing a value from its text. */
const PARSED_STEPS: Readonly<Record<string, number>> = {
  numeric: 20,
  date: 30,
  time: 30,
  timetz: 30,
  timestamp: 60,
  timestamptz: 60,
};
/** Steps of comparing, trimming or copying text natively: about 2 ns a character. */
export const NATIVE_CHARACTER_STEPS = 0.1;

/** Returns the steps of reading one value of a supported type. */
export const readingSteps = (type: string): number => COMPARISON_STEPS + (PARSED_STEPS[type] ?? 0);

/** Adds up the costs of the filters of one query. */
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

/** Returns the steps for a row whose columns are all `length` characters long. */
export function stepsAt(cost: FilterCost, length: number): number {
  let steps = cost.fixed;
  for (const perCharacter of Object.values(cost.perCharacter)) steps += perCharacter * length;
  return steps;
}
