/**
 * The cost is an upper bound in steps of about 20 ns, the same on every machine. The realtime service runs clients'
 * filters on every change, and refuses expensive ones beforehand.
 */

export interface FilterCost {
  readonly fixed: number;
  /** Steps for each character of a column's value. Columns whose length does not matter are absent. */
  readonly perCharacter: Readonly<Record<string, number>>;
  /** Constants that stay in memory: values of lists, and the characters of all constants in units of 100 bytes. */
  readonly held: number;
}

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

export const readingSteps = (type: string): number => COMPARISON_STEPS + (PARSED_STEPS[type] ?? 0);

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

export function stepsAt(cost: FilterCost, length: number): number {
  let steps = cost.fixed;
  for (const perCharacter of Object.values(cost.perCharacter)) steps += perCharacter * length;
  return steps;
}
