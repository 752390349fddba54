import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ImageTransform } from '@tidemark/contracts';
import { createLocalFileStore } from '@tidemark/files';
import { until } from '@tidemark/testing';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import type { BatchEvent } from '../../src/events.ts';
import { createAdmission } from '../../src/workers/admission.ts';
import type { Task } from '../../src/workers/protocol.ts';
import { createWorkerPool, type WorkerPoolOptions } from '../../src/workers/worker-pool.ts';

const NEVER = new AbortController().signal;
const KIND = new URL('../../dist/kinds/image-transform.js', import.meta.url).href;
const TROUBLE = new URL('../trouble.js', import.meta.url).href;

async function openPool(t: Test, options: Partial<WorkerPoolOptions> = {}) {
  const filesDir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-workers-'));
  const events: BatchEvent[] = [];
  const admission = createAdmission(1e9);
  const pool = createWorkerPool({
    file: new URL('../../dist/workers/kind-worker.js', import.meta.url),
    workerData: {
      kinds: [
        { name: 'image.transform', url: KIND },
        { name: 'trouble', url: TROUBLE },
      ],
      store: { dir: filesDir },
      storeTimeoutMs: 30_000,
      limits: { inputBytes: 1e8, pixels: 1e8, itemMs: 1_000 },
    },
    threads: 2,
    waitingLimit: 10,
    recycleAfterTasks: 1_000,
    recycleBytes: 1e9,
    admission,
    maxChildBytes: 1e9,
    observe: (event) => events.push(event),
    ...options,
  });
  t.teardown(async () => {
    await pool.close();
    await rm(filesDir, { recursive: true });
  });
  const store = createLocalFileStore({ dir: filesDir });
  const put = async (bytes: Buffer, transform: ImageTransform): Promise<Task> => {
    const { key } = await store.put(bytes, { limitBytes: 1e8 });
    const item = { index: 0, input: { file: 'f', name: 'x.png' }, name: 'x.png', key, owner: null };
    return { job: 'j', kind: 'image.transform', spec: { transform }, item };
  };
  const run = (task: Task, deadlineMs = 60_000, signal = NEVER) => pool.run(task, deadlineMs, signal);
  const trouble = (spec: object, cost = 0): Task => ({
    job: 'j',
    kind: 'trouble',
    spec: { cost, ...spec },
    item: { index: 0, input: 0, name: 'item 0', key: null, owner: null },
  });
  return { pool, put, run, trouble, events, admission };
}

const solid = (edge: number) =>
  sharp({ create: { width: edge, height: edge, channels: 3, background: 'red' } })
    .png()
    .toBuffer();

const greyscale: ImageTransform = { greyscale: true };

t.test('a worker that overruns is killed; the others and the next tasks go on', async (t) => {
  const { pool, put, run, events, admission } = await openPool(t);
  const small = await put(await solid(10), greyscale);
  // A blur over 9 million pixels takes seconds.
  const large = await put(await solid(3_000), { blur: 100 });
  t.match(await run(small), { files: [{ metadata: { width: 10 } }] }, 'a worker has started');
  const slow = t.rejects(run(large, 300), { code: 'BATCH_ITEM_TIMEOUT', message: /300 ms/ });
  t.match(await run(small), { files: [{ metadata: { width: 10 } }] });
  await slow;
  t.equal(admission.admittedBytes(), 0, 'its memory is free');
  await until(async () => pool.busy() === 0, 'all to be idle');
  const again = await Promise.all([1, 2, 3].map(() => run(small)));
  t.equal(again.filter((outcome) => 'files' in outcome).length, 3);
  t.match(events, [{ type: 'worker.timeout' }]);
  t.equal(pool.problem(), undefined);
});

t.test('workers are replaced after their share of tasks or memory, and no task is lost by it', async (t) => {
  const { pool, put, run } = await openPool(t, { recycleAfterTasks: 4, waitingLimit: 30 });
  const task = await put(await solid(10), greyscale);
  const outcomes = await Promise.all(Array.from({ length: 12 }, () => run(task)));
  t.equal(outcomes.filter((outcome) => 'files' in outcome).length, 12);
  t.ok(pool.recycledTotal() >= 1, `${pool.recycledTotal()} replaced`);
  const fat = await openPool(t, { recycleBytes: 1 });
  for (let n = 0; n < 3; n += 1) t.match(await fat.run(fat.trouble({})), { value: '0' });
  await until(async () => fat.pool.recycledTotal() === 3, 'each to be replaced');
});

for (const [what, spec] of [
  ['blocks its event loop', { blocks: 0 }],
  ['is in a native call', { native: 0 }],
] as const) {
  t.test(`an item that ${what} is stopped with its job, and its memory stays admitted until then`, async (t) => {
    const { run, trouble, admission } = await openPool(t, { threads: 1 });
    const cancelled = new AbortController();
    const task = trouble(spec, 1_000);
    const running = t.rejects(run(task, 60_000, cancelled.signal), { code: 'BATCH_STOPPING' });
    await until(async () => admission.admittedBytes() > 0, 'it to run');
    cancelled.abort('cancelled');
    await new Promise((resolve) => setTimeout(resolve, 200));
    t.ok(admission.admittedBytes() > 0);
    await running;
    t.equal(admission.admittedBytes(), 0);
    t.match(await run(trouble({})), { value: '0' }, 'the next item has a new process');
  });
}

t.test('an item whose process ends runs once more, and then fails with signal and memory', async (t) => {
  const { run, trouble, events, pool } = await openPool(t, { threads: 1 });
  await t.rejects(run(trouble({ segfault: 0 })), {
    code: 'BATCH_ITEM_LOST',
    message: /SIGSEGV, with \d+ MB of memory/,
  });
  t.equal(events.filter(({ type }) => type === 'worker.crashed').length, 2);
  t.match(await run(trouble({})), { value: '0' });
  t.equal(pool.problem(), undefined);
});

t.test('workers start while tasks wait, and end when they are idle', async (t) => {
  const { pool, run, trouble } = await openPool(t, { threads: 3, idleMs: 300 });
  t.equal(pool.size(), 1);
  const tasks = Promise.all([1, 2, 3, 4].map(() => run(trouble({ ms: 500 }))));
  await until(async () => pool.busy() === 3, 'all');
  await tasks;
  await until(async () => pool.size() === 0, 'none');
  t.equal(pool.problem(), undefined);
  t.match(await run(trouble({})), { value: '0' });
});

t.test('a broken installation is a problem, and fails no item', async (t) => {
  const broken = new URL('./no-such-worker.js', import.meta.url);
  const { pool, run, trouble } = await openPool(t, { file: broken });
  await t.rejects(run(trouble({})), { code: 'BATCH_WORKER_NOT_STARTED', status: 503 });
  t.match(pool.problem(), /ended at its start: exit code 1/);
});

t.test('a task waits for memory outside its deadline, and stops waiting when its job is cancelled', async (t) => {
  const { put, run, admission } = await openPool(t);
  const task = await put(await solid(10), greyscale);
  t.match(await run(task), { files: [{}] }, 'a worker has started');
  const giveBack = await admission.admit(1e9, NEVER);
  const patient = run(task, 1_000);
  const cancelled = new AbortController();
  const impatient = run(task, 1_000, cancelled.signal);
  await until(async () => admission.waiting() === 2, 'both to wait');
  cancelled.abort('cancelled');
  await t.rejects(impatient, { code: 'BATCH_STOPPING' });
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  giveBack();
  t.match(await patient, { files: [{ metadata: { width: 10 } }] });
  t.equal(admission.admittedBytes(), 0);
});

t.test('memory beyond what is granted at the start is admitted exactly, and is free at the end', async (t) => {
  const { run, trouble, admission } = await openPool(t);
  const running = run(trouble({ ms: 500 }, 100_000_000));
  await until(async () => admission.admittedBytes() === 100_000_000, 'it to run');
  t.match(await running, { value: '0' });
  t.equal(admission.admittedBytes(), 0);
});

t.test('a task that needs more memory than there is fails', async (t) => {
  const { put, run } = await openPool(t, { admission: createAdmission(1_000) });
  t.match(await run(await put(await solid(100), greyscale)), {
    failure: { code: 'BATCH_IMAGE_TOO_LARGE', next: 'fail' },
  });
});

t.test('the number of waiting tasks is bounded, and closing refuses them', async (t) => {
  const { pool, put, run } = await openPool(t, { threads: 1, waitingLimit: 2 });
  const task = await put(await solid(10), greyscale);
  const runs = Array.from({ length: 4 }, () => run(task));
  const results = Promise.allSettled(runs);
  await t.rejects(runs[3]!, { code: 'BATCH_QUEUE_FULL' });
  await pool.close();
  const codes = (await results).map((r) => (r.status === 'rejected' ? r.reason.code : 'done'));
  t.same(codes.slice(1), ['BATCH_STOPPING', 'BATCH_STOPPING', 'BATCH_QUEUE_FULL']);
  await t.rejects(run(task), { code: 'BATCH_STOPPING' });
});
