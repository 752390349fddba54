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

const OF_ALL = new Set([
  ...Object.keys(typeSteps),
  'publishPart',
  'changeMembership',
  'changeSchemaUsage',
  'changeBypass',
  'changeMembers',
  'swapTables',
]);
const WITH_ROWS = 0.3;
const TRIES = 50;

/** The name is '' for a step that affects all tables. */
export function drawStep(writes: Writes, only: readonly string[] = []): Step & { name: string; table: string } {
  const { random, schema } = writes;
  const tables = schema.tables.filter(({ name }) => only.length === 0 || only.includes(name));
  for (let tries = 0; tries < TRIES; tries += 1) {
    const table = random.of(tables);
    const [name, draw] = random.of(STEPS);
    const before = random.chance(WITH_ROWS) ? changeRows(writes, table) : '';
    const step = draw(random, schema, table);
    if (!step) continue;
    const after = random.chance(WITH_ROWS) ? changeRows(writes, table) : '';
    const [first, ...rest] = step.transactions;
    // A new label of an enum cannot be used in its transaction.
    const isAlone = name === 'addLabel' || step.late || rest.length > 0;
    const transactions = isAlone ? step.transactions : [[before, first, after].filter(Boolean).join('; ')];
    return { ...step, transactions, name, table: OF_ALL.has(name) ? '' : table.name };
  }
  throw new RangeError(`no possible step in ${TRIES} draws`);
}
