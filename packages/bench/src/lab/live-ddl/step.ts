import type { Random } from './random.ts';
import type { Schema, Table } from './schema.ts';

export interface Step {
  readonly transactions: readonly string[];
  /** No change of a table's definition announces this step, so it may take effect after a documented time. */
  readonly late?: boolean;
}

/** Updates the model of the schema. Returns undefined where the step is not possible now. */
export type DrawStep = (random: Random, schema: Schema, table: Table) => Step | undefined;

export const one = (...statements: string[]): Step => ({ transactions: [statements.join('; ')] });
