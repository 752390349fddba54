import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import type { ClaimedChunk } from '../../src/chunks/chunk-ledger.ts';
import { defineKind } from '../../src/kinds/job-kind.ts';
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

t.test('a chunk that was cut for quicker items is cut again when its turn is over', async (t) => {
  const dependencies = {
    kinds: new Map([['slow', slow]]) as unknown as Kinds,
    readInputs: createInputReader({} as never, ['service_role']),
    limits: { itemMs: 60_000, inputBytes: 1, pixels: 1 },
    main: {},
    maxAttempts: 3,
    observe: () => {},
  } as unknown as RunChunkDeps;
  const chunk = {
    kind: 'slow',
    spec: {},
    target: null,
    itemMs: null,
    losses: 0,
    identity: { role: 'service_role', claims: {} },
    items: Array.from({ length: 100 }, (_, index) => ({ index, input: null, attempts: 0 })),
  } as unknown as ClaimedChunk;
  const { done, rows, retries } = await runChunk(dependencies, chunk, new AbortController().signal, undefined);
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
