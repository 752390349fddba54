import { Queue, Worker } from 'bullmq';
import { servePeer } from './serve-peer.mjs';

const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const CONCURRENCY = 100;
const BULK = 1_000;
let rounds = 0;

servePeer(async (items) => {
  rounds += 1;
  const name = `noop${rounds}`;
  const queue = new Queue(name, { connection });
  const worker = new Worker(name, async () => null, { connection, concurrency: CONCURRENCY });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  let completed = 0;
  const all = new Promise((resolve, reject) => {
    worker.on('failed', (_job, error) => reject(error));
    worker.on('completed', () => {
      completed += 1;
      if (completed === items) resolve();
    });
  });
  const startedAt = performance.now();
  for (let from = 0; from < items; from += BULK) {
    await queue.addBulk(Array.from({ length: Math.min(BULK, items - from) }, (_, n) => ({ name, data: from + n })));
  }
  await all;
  const ms = performance.now() - startedAt;
  const recorded = await queue.getCompletedCount();
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return { ms, recorded };
});
