/** A worker computes the next task while the outputs of another one are stored: here in a bucket that never answers. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import type { BatchEvent } from '../../src/events.ts';
import { createAdmission } from '../../src/workers/admission.ts';
import type { Task } from '../../src/workers/protocol.ts';
import { createWorkerPool } from '../../src/workers/worker-pool.ts';

const NEVER = new AbortController().signal;
const TROUBLE = new URL('../trouble.js', import.meta.url).href;
const STORE_SLOW = { failure: { code: 'BATCH_STORE_SLOW', next: 'postpone' } };

t.jobs = 6;

async function openPool(t: Test, storeTimeoutMs: number, recycleAfterTasks = 1_000) {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket.resume());
    socket.on('error', () => socket.destroy());
  });
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const events: BatchEvent[] = [];
  const admission = createAdmission(1e9);
  const pool = createWorkerPool({
    file: new URL('../../dist/workers/kind-worker.js', import.meta.url),
    workerData: {
      kinds: [{ name: 'trouble', url: TROUBLE }],
      store: {
        bucket: 'silent',
        region: 'eu-north-1',
        endpoint: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
        forcePathStyle: true,
      },
      storeTimeoutMs,
      limits: { inputBytes: 1e8, pixels: 1e8, itemMs: 60_000 },
    },
    threads: 1,
    waitingLimit: 10,
    recycleAfterTasks,
    recycleBytes: 1e9,
    admission,
    maxChildBytes: 1e9,
    observe: (event) => events.push(event),
  });
  t.teardown(async () => {
    await pool.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const run = (spec: object, deadlineMs = 60_000, signal = NEVER) => pool.run(taskOf(spec), deadlineMs, signal);
  const startStoring = async (deadlineMs?: number, signal?: AbortSignal) => {
    const before = sockets.size;
    const outcome = run({ output: true }, deadlineMs, signal);
    // Each test awaits it later.
    outcome.catch(() => {});
    await until(async () => sockets.size > before, 'the output to be stored');
    return outcome.then(
      (ended) => ({ ended }),
      (error: Error) => ({ error }),
    );
  };
  return { pool, run, startStoring, events, admission };
}

const taskOf = (spec: object): Task => ({
  job: 'j',
  kind: 'trouble',
  spec: { cost: 1, ...spec },
  item: { index: 0, input: 0, name: 'item 0', key: null, owner: null },
});

t.test('the next task runs meanwhile, and the memory of the former one stays admitted', async (t) => {
  const { pool, run, startStoring, admission, events } = await openPool(t, 6_000);
  const storing = startStoring();
  await until(async () => pool.busy() === 1, 'it to run');
  await until(async () => admission.admittedBytes() > 0, 'its memory');
  t.match(await run({}), { value: '0' });
  t.ok(admission.admittedBytes() > 0);
  t.equal(pool.size(), 1, 'in the same process');
  t.match(await storing, { ended: STORE_SLOW });
  t.equal(admission.admittedBytes(), 0);
  t.same(events, []);
});

t.test('a third task waits until one of two is stored', async (t) => {
  const { pool, run, startStoring } = await openPool(t, 6_000);
  const first = startStoring();
  const second = startStoring();
  const third = run({});
  await until(async () => pool.list()[0]?.tasks === 2 && pool.waiting() === 1, 'it to wait');
  t.match(await third, { value: '0' });
  t.match(await Promise.all([first, second]), [{ ended: STORE_SLOW }, { ended: STORE_SLOW }]);
});

t.test('when the next task ends the process, it fails alone', async (t) => {
  const { run, startStoring, events, admission } = await openPool(t, 6_000);
  const storing = startStoring();
  await t.rejects(run({ segfault: 0 }), { code: 'BATCH_ITEM_LOST', message: /SIGSEGV/ });
  t.match(await storing, { ended: STORE_SLOW }, 'the other one ran again');
  t.equal(events.filter(({ type }) => type === 'worker.crashed').length, 3);
  t.equal(admission.admittedBytes(), 0);
});

t.test('when a task overruns while it is stored, it fails alone: the next one runs again', async (t) => {
  const { run, startStoring, admission } = await openPool(t, 60_000);
  const storing = startStoring(3_000);
  t.match(await run({ ms: 4_500 }), { value: '0' });
  t.match(await storing, { error: { code: 'BATCH_ITEM_TIMEOUT' } });
  t.equal(admission.admittedBytes(), 0);
});

t.test('when the job of a stored task is cancelled, the next one runs again', async (t) => {
  const { run, startStoring, pool } = await openPool(t, 60_000);
  const cancelled = new AbortController();
  const storing = startStoring(60_000, cancelled.signal);
  const next = run({ ms: 3_000 });
  await until(async () => pool.list()[0]?.tasks === 2, 'the next one to run');
  cancelled.abort('cancelled');
  t.match(await storing, { error: { code: 'BATCH_STOPPING' } });
  t.match(await next, { value: '0' });
});

t.test('a worker is replaced when nothing of it is left to store', async (t) => {
  const { pool, run, startStoring } = await openPool(t, 3_000, 1);
  const storing = startStoring();
  t.match(await run({}), { value: '0' }, 'in a new process');
  t.match(await storing, { ended: STORE_SLOW });
  await until(async () => pool.recycledTotal() === 2, 'each to be replaced');
});
