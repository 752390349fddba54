/** Postgres and NATS go away for a while, and work goes on where it was, without a burst. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from './batch-stack.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const KINDS = fileURLToPath(new URL('./on-main.js', import.meta.url));
const OUTAGE_MS = Number(process.env.OUTAGE_MS ?? 3_000);
const ITEMS = 160;

t.test('after Postgres and NATS were away, starts per second are at most twice those before', async (t) => {
  const stack = await openBatchStack(t);
  const postgres = await startTcpProxy(t, stack.databaseUrl);
  const nats = await startTcpProxy(t, (await useTestStack()).natsUrl);
  await stack.startBatch({
    BATCH_KINDS: KINDS,
    DATABASE_URL: postgres.url,
    NATS_URL: nats.url,
    BATCH_LEASE_MS: '2000',
    BATCH_CHUNK_ITEMS: '1',
    BATCH_MAIN_CHUNKS: '4',
    BATCH_WINDOW: '16',
  });
  const file = path.join(stack.filesDir, 'starts');
  const starts = () => {
    try {
      return readFileSync(file, 'utf8').trim().split('\n').map(Number);
    } catch {
      return [];
    }
  };
  const id = await stack.insertJob({ items: ITEMS, ms: 150, starts: file }, { kind: 'on-main' });
  const most = (from: number, to: number) => {
    const times = starts().filter((at) => at >= from && at < to);
    return Math.max(0, ...times.map((at) => times.filter((other) => other >= at && other < at + 1_000).length));
  };
  await until(async () => starts().length >= 40, 'forty starts');
  const startedAt = starts()[0]!;
  const before = most(startedAt, Date.now());
  for (const server of [postgres, nats]) {
    server.cut();
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    server.restore();
    const restoredAt = Date.now();
    const count = starts().length;
    await until(async () => starts().length >= count + 40, 'forty more', 60_000);
    const after = most(restoredAt, Date.now());
    t.ok(after <= 2 * before, `${before} starts in a second before, ${after} after`);
  }
  t.match(await stack.ended(id, 120_000), { state: 'succeeded', done: ITEMS, failed: 0 });
  const [rows] = await stack.query('select count(*)::int as n, max(attempts) as most from tidemark.job_items');
  t.same({ ...rows }, { n: ITEMS, most: 1 }, 'no item lost an attempt');
  t.ok(starts().length <= ITEMS + 8, `${starts().length} starts: what was done is not done again`);
});
