/** A transaction that has been open for ten minutes keeps every dead row: the queue must not slow down while it scans them. */
import postgres from 'postgres';
import { atLeast, type Finding, type Trial } from '../../lab/trial.ts';
import { median } from '../../measuring/statistics.ts';
import { type BatchServices, startBatchServices } from '../services.ts';

const ITEMS = { quick: 200, full: 10_000 };
const ROUNDS = { quick: 1, full: 5 };
/** The full run starts as many jobs as ten minutes with 20 jobs a second do. */
const JOBS = { quick: 200, full: 12_000 };
const TARGET = { quick: 0, full: 0.7 };

export const heldSnapshot: Trial = {
  name: 'held-snapshot',
  claim: 'behind a snapshot of ten minutes, in which 12,000 jobs came and went, items are done at 0.7 times the rate',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const services = await startBatchServices(context);
    const rate = async () => {
      const rates: number[] = [];
      for (let round = 0; round < ROUNDS[mode]; round += 1) {
        const job = await services.submit('noop', { items: ITEMS[mode] });
        rates.push(ITEMS[mode] / (await services.seconds(job, ITEMS[mode])));
      }
      return median(rates);
    };
    await rate();
    const before = await rate();
    const client = postgres(services.stack.primary.url, { max: 1 });
    context.cleanup(() => client.end());
    const { during, dead } = await client.begin('isolation level repeatable read', async (sql) => {
      await sql`select pg_current_snapshot()`;
      await livesOfJobs(services, JOBS[mode]);
      return { during: await rate(), dead: await deadRows(services) };
    });
    await services.stack.primary.query('vacuum tidemark.jobs, tidemark.job_requests, tidemark.job_chunks');
    const after = await rate();
    context.log(`items/s: ${before.toFixed(0)} before, ${during.toFixed(0)} during, ${after.toFixed(0)} after`);
    return [
      atLeast('dead rows that the snapshot keeps', JOBS[mode] * 5, dead),
      atLeast('times the rate without it', TARGET[mode], during / ((before + after) / 2)),
    ];
  },
};

/** Writes the versions of rows that jobs of one item leave behind, without the time that running them takes. */
async function livesOfJobs({ stack: { primary } }: BatchServices, jobs: number): Promise<void> {
  // The batch service leaves jobs alone whose kind another instance has.
  await primary.query(
    `insert into tidemark.job_kinds (name, version, spec_schema, limits) values ('bench.elsewhere', 1, '{}', '{}')`,
  );
  // Each limit is counted anew for each job.
  await primary.query('delete from tidemark.job_limits');
  await primary.query(
    `insert into tidemark.jobs (kind, spec, role) select 'bench.elsewhere', '{}', 'service_role' from generate_series(1, $1::int)`,
    [jobs],
  );
  const jobState = (sets: string) => primary.query(`update tidemark.jobs set ${sets} where kind = 'bench.elsewhere'`);
  const chunkState = (sets: string) =>
    primary.query(
      `update tidemark.job_chunks set ${sets} where job_id in (select id from tidemark.jobs where kind = 'bench.elsewhere')`,
    );
  await jobState(`state = 'planning', started_at = clock_timestamp()`);
  await primary.query(
    `insert into tidemark.job_chunks (job_id, chunk, items)
     select id, 0, '[{"index": 0, "input": null, "attempts": 0}]' from tidemark.jobs where kind = 'bench.elsewhere'`,
  );
  // In the future, so that the sweeper neither publishes the chunks nor takes them back.
  await jobState(`total = 1, planned_all = true, state = 'running'`);
  await chunkState(`state = 'queued', attempt = 1, queued_at = clock_timestamp() + interval '1 hour'`);
  await chunkState(`state = 'running', worker = 'elsewhere', lease_until = clock_timestamp() + interval '1 hour'`);
  await chunkState(`state = 'done', done = 1, lease_until = null, finished_at = clock_timestamp()`);
  await jobState(`state = 'succeeded', done = 1, finished_at = clock_timestamp()`);
}

async function deadRows({ stack }: BatchServices): Promise<number> {
  await stack.primary.query('analyze tidemark.jobs, tidemark.job_chunks');
  const [row] = await stack.primary.query<{ dead: number }>(
    `select sum(n_dead_tup)::int as dead from pg_stat_user_tables where schemaname = 'tidemark' and relname in ('jobs', 'job_chunks')`,
  );
  return row?.dead ?? 0;
}
