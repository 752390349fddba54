import { makeWorkerUtils, run } from 'graphile-worker';
import { servePeer } from './serve-peer.mjs';

const CONCURRENCY = 24;
const BULK = 1_000;
const connectionString = process.env.DATABASE_URL;
const utils = await makeWorkerUtils({ connectionString });
await utils.migrate();
let left = 0;
let onEnd = () => {};
await run({
  connectionString,
  concurrency: CONCURRENCY,
  maxPoolSize: CONCURRENCY + 2,
  noHandleSignals: true,
  logger: undefined,
  taskList: {
    noop: () => {
      left -= 1;
      if (left === 0) onEnd();
    },
  },
});

servePeer(async (items) => {
  left = items;
  const all = new Promise((resolve) => {
    onEnd = resolve;
  });
  const startedAt = performance.now();
  for (let from = 0; from < items; from += BULK) {
    const length = Math.min(BULK, items - from);
    await utils.addJobs(Array.from({ length }, (_, n) => ({ identifier: 'noop', payload: { n: from + n } })));
  }
  await all;
  // It records a job as done by deleting its row, just after the task.
  const open = () =>
    utils.withPgClient(async (client) => {
      const { rows } = await client.query('select count(*)::int as n from graphile_worker.jobs');
      return rows[0].n;
    });
  while ((await open()) > 0) await new Promise((resolve) => setTimeout(resolve, 2));
  return { ms: performance.now() - startedAt, recorded: items };
});
