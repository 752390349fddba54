import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import type { ClaimedChunk } from '../../src/chunks/chunk-ledger.ts';
import { defineKind, type JobKind } from '../../src/kinds/job-kind.ts';
import type { Kinds } from '../../src/kinds/load-kinds.ts';
import { createInputReader } from '../../src/runner/read-inputs.ts';
import { type RunChunkDeps, runChunk } from '../../src/runner/run-chunk.ts';

const ITEM_MS = 60;

const slow = defineKind({
  name: 'slow',
  version: 1,
  spec: { type: 'object' },
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 60_000 },
  runsOn: 'main',
  source: async () => ({ inputs: [], cursor: null }),
  cost: () => 0,
  run: async () => {
    await pause(ITEM_MS);
    return {};
  },
});

/** Runs a chunk of 100 items of the kind. */
function runItems(kind: JobKind, itemMs = 60_000) {
  const dependencies = {
    kinds: new Map([[kind.name, kind]]) as unknown as Kinds,
    readInputs: createInputReader({} as never, ['service_role']),
    limits: { itemMs, inputBytes: 1, pixels: 1 },
    main: {},
    maxAttempts: 3,
    observe: () => {},
  } as unknown as RunChunkDeps;
  const chunk = {
    kind: kind.name,
    spec: {},
    target: null,
    itemMs: null,
    losses: 0,
    identity: { role: 'service_role', claims: '{}' },
    items: Array.from({ length: 100 }, (_, index) => ({ index, input: null, attempts: 0 })),
  } as unknown as ClaimedChunk;
  return runChunk(dependencies, chunk, new AbortController().signal, undefined);
}

t.test('a chunk that was cut for quicker items is cut again when its turn is over', async (t) => {
  const { done, rows, retries } = await runItems(slow);
  t.equal(rows.length, done);
  const left = retries.flatMap(({ items }) => items.map(({ index }) => index));
  t.same(
    [...rows.map(({ index }) => index), ...left],
    Array.from(Array(100).keys()),
    'each item is done or left, in order',
  );
  t.ok(retries.length > 1);
  for (const { items } of retries) t.ok(items.length * ITEM_MS <= 500, `${items.length} items take half a second`);
});

t.test('a chunk ends early when the values of its items have 4 MB, and leaves the others to a new one', async (t) => {
  const large = defineKind({ ...slow, name: 'large', run: () => ({ value: 'x'.repeat(65_000) }) });
  const { done, rows, retries } = await runItems(large);
  t.equal(done, Math.ceil((4 * 1024 ** 2) / 65_002));
  t.equal(rows.length, done);
  t.equal(retries.flatMap(({ items }) => items).length, 100 - done);
});

t.test(
  'an item past its time limit fails, and its signal is aborted, also one that it asks for afterwards',
  async (t) => {
    const aborted: boolean[] = [];
    const late = defineKind({
      ...slow,
      name: 'late',
      run: async ({ index }, context) => {
        if (index === 0) {
          const { signal } = context;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          aborted.push(signal.aborted);
        }
        if (index === 1) {
          await pause(ITEM_MS);
          aborted.push(context.signal.aborted);
        }
        if (index > 1) throw new Error('an error of the kind');
        return {};
      },
    });
    const { done, rows } = await runItems(late, ITEM_MS / 2);
    t.equal(done, 0);
    t.match(rows.slice(0, 2), [{ code: 'BATCH_ITEM_TIMEOUT' }, { code: 'BATCH_ITEM_TIMEOUT' }]);
    t.match(rows[2], { state: 'waiting', code: 'BATCH_UNEXPECTED' });
    while (aborted.length < 2) await pause(5);
    t.same(aborted, [true, true]);
  },
);
