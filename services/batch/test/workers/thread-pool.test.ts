import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createLocalFileStore } from '@tidemark/files';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import type { BatchEvent } from '../../src/events.ts';
import type { Item, Task } from '../../src/workers/protocol.ts';
import { createThreadPool, type ThreadPoolOptions } from '../../src/workers/thread-pool.ts';
import { until } from '../batch-stack.ts';

async function openPool(t: Test, options: Partial<ThreadPoolOptions> = {}) {
  const filesDir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-threads-'));
  const events: BatchEvent[] = [];
  const pool = createThreadPool({
    file: new URL('../../dist/workers/image-worker.js', import.meta.url),
    workerData: {
      store: { dir: filesDir },
      storeTimeoutMs: 30_000,
      maxInputBytes: 1e8,
      maxPixels: 1e8,
      nativeTimeoutSeconds: 1,
    },
    threads: 2,
    waitingLimit: 10,
    recycleAfterTasks: 1_000,
    observe: (event) => events.push(event),
    ...options,
  });
  t.teardown(async () => {
    await pool.close();
    await rm(filesDir, { recursive: true });
  });
  const store = createLocalFileStore({ dir: filesDir });
  const put = async (bytes: Buffer): Promise<Item> => {
    const { key } = await store.put(bytes, { limitBytes: 1e8 });
    return { index: 0, file: 'f', owner: null, key, name: 'x.png' };
  };
  return { pool, put, events };
}

const solid = (edge: number) =>
  sharp({ create: { width: edge, height: edge, channels: 3, background: 'red' } })
    .png()
    .toBuffer();

t.test('a thread that overruns is replaced; the others and the next tasks go on', async (t) => {
  const { pool, put, events } = await openPool(t);
  const small = await put(await solid(10));
  const large = await put(await solid(3_000));
  const reply = await pool.run({ type: 'probe', item: large }, 30_000);
  if (!('facts' in reply)) throw new TypeError(JSON.stringify(reply));
  // A blur over 9 million pixels takes seconds.
  const heavy: Task = { type: 'transform', item: large, transform: { blur: 100 }, facts: reply.facts };
  const slow = t.rejects(pool.run(heavy, 300), { code: 'BATCH_ITEM_TIMEOUT', message: /300 ms/ });
  t.match(await pool.run({ type: 'probe', item: small }, 30_000), { facts: { width: 10 } });
  await slow;
  await until('the replacement', 20_000, async () => pool.recycledTotal() === 1 && pool.busy() === 0);
  const again = await Promise.all([1, 2, 3].map(() => pool.run({ type: 'probe', item: small }, 30_000)));
  t.equal(again.filter((r) => 'facts' in r).length, 3);
  t.match(events, [{ type: 'thread.timeout' }]);
  t.equal(pool.problem(), undefined);
});

t.test('threads are replaced after their share of tasks, and no task is lost by it', async (t) => {
  const { pool, put } = await openPool(t, { recycleAfterTasks: 4, waitingLimit: 30 });
  const item = await put(await solid(10));
  const replies = await Promise.all(Array.from({ length: 12 }, () => pool.run({ type: 'probe', item }, 60_000)));
  t.equal(replies.filter((r) => 'facts' in r).length, 12);
  t.ok(pool.recycledTotal() >= 1, `${pool.recycledTotal()} replaced`);
});

t.test('what waits is bounded, and closing refuses it', async (t) => {
  const { pool, put } = await openPool(t, { threads: 1, waitingLimit: 2 });
  const item = await put(await solid(10));
  const runs = Array.from({ length: 4 }, () => pool.run({ type: 'probe', item }, 60_000));
  const results = Promise.allSettled(runs);
  await t.rejects(runs[3]!, { code: 'BATCH_QUEUE_FULL' });
  await pool.close();
  const codes = (await results).map((r) => (r.status === 'rejected' ? r.reason.code : 'done'));
  t.same(codes.slice(1), ['BATCH_STOPPING', 'BATCH_STOPPING', 'BATCH_QUEUE_FULL']);
  await t.rejects(pool.run({ type: 'probe', item }, 1_000), { code: 'BATCH_STOPPING' });
});
