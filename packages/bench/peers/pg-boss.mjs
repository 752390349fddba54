import { PgBoss } from 'pg-boss';
import { servePeer } from './serve-peer.mjs';

/** The batch size of the comparison. */
const BATCH = 100;
const FETCHERS = 4;
const BULK = 1_000;
const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, supervise: false, schedule: false });
await boss.start();
let rounds = 0;

servePeer(async (items) => {
  rounds += 1;
  const name = `noop${rounds}`;
  await boss.createQueue(name);
  const startedAt = performance.now();
  let completed = 0;
  let inserted = 0;
  // The loop of fetch and complete has no pause between two batches, unlike work(), which polls.
  const fetcher = async () => {
    while (completed < items) {
      const jobs = (await boss.fetch(name, { batchSize: BATCH })) ?? [];
      if (jobs.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      else {
        await boss.complete(
          name,
          jobs.map(({ id }) => id),
          { done: true },
        );
        completed += jobs.length;
      }
    }
  };
  const producer = async () => {
    for (; inserted < items; inserted += BULK) {
      await boss.insert(
        name,
        Array.from({ length: Math.min(BULK, items - inserted) }, (_, n) => ({ data: { n } })),
      );
    }
  };
  await Promise.all([producer(), ...Array.from({ length: FETCHERS }, fetcher)]);
  const ms = performance.now() - startedAt;
  const { rows } = await boss
    .getDb()
    .executeSql(`select count(*)::int as n from pgboss.job where name = $1 and state = 'completed'`, [name]);
  await boss.deleteAllJobs(name);
  return { ms, recorded: rows[0].n };
});
