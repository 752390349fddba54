/** The steps of the driver between changes of rows; each is one or more transactions. */
import { rightSteps } from './right-steps.ts';
import { changeRows, type Writes } from './rows.ts';
import { shapeSteps } from './shape-steps.ts';
import type { DrawStep, Step } from './step.ts';
import { typeSteps } from './type-steps.ts';

const STEPS: readonly (readonly [name: string, step: DrawStep])[] = [
  ...Object.entries(shapeSteps),
  ...Object.entries(typeSteps),
  ...Object.entries(rightSteps),
];

/** Steps that concern all tables, whichever one was drawn. */
const OF_ALL = new Set([
  ...Object.keys(typeSteps),
  ...['publishPart', 'changeMembership', 'changeSchemaUsage', 'changeBypass', 'changeMembers', 'swapTables'],
]);
/** Share of the steps with one transaction that also change rows in it. */
const WITH_ROWS = 0.3;
const TRIES = 50;

/** @returns with the name of the table that it concerns; '' for all of them */
export function drawStep(writes: Writes, only: readonly string[] = []): Step & { name: string; table: string } {
  const { dice, schema } = writes;
  const tables = schema.tables.filter(({ name }) => only.length === 0 || only.includes(name));
  for (let tries = 0; tries < TRIES; tries += 1) {
    const table = dice.of(tables);
    const [name, draw] = dice.of(STEPS);
    const before = dice.chance(WITH_ROWS) ? changeRows(writes, table) : '';
    const step = draw(dice, schema, table);
    if (!step) continue;
    const after = dice.chance(WITH_ROWS) ? changeRows(writes, table) : '';
    const [first, ...rest] = step.transactions;
    // A new label of an enum cannot be used in its transaction.
    const isAlone = name === 'addLabel' || step.late || rest.length > 0;
    const transactions = isAlone ? step.transactions : [[before, first, after].filter(Boolean).join('; ')];
    return { ...step, transactions, name, table: OF_ALL.has(name) ? '' : table.name };
  }
  throw new RangeError('no step could be drawn');
}
