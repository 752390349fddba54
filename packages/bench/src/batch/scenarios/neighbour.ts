/** Measures how long a small job of one tenant waits while another tenant has much work on the queue. */
import { fileURLToPath } from 'node:url';
import { atLeast, atMost, type Finding, type Trial } from '../../lab/trial.ts';
import { percentile } from '../../measuring/statistics.ts';
import { pause } from '../../measuring/waiting.ts';
import { type BatchServices, startBatchServices } from '../services.ts';

const KIND = fileURLToPath(new URL('../spin-kind.js', import.meta.url));
const JOBS = { quick: 4, full: 64 };
const ITEMS = { quick: 100, full: 10_000 };
/** Two threads need over an hour for the jobs of the first tenant. */
const ITEM_MS = { quick: 5, full: 20 };
const PROBES = { quick: 3, full: 100 };
const PAUSE_MS = { quick: 50, full: 500 };
const TARGET_MS = { quick: 60_000, full: 2_000 };

export const neighbour: Trial = {
  name: 'neighbour',
  claim: 'beside a tenant with 64 jobs of 10,000 items, ten items of another one wait at most 2 s, in 99 of 100 cases',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const services = await startBatchServices(context, { BATCH_KINDS: KIND });
    const submit = (sub: string, items: number) => services.submit('bench.spin', { items, ms: ITEM_MS[mode] }, sub);
    for (let n = 0; n < JOBS[mode]; n += 1) await submit('busy', ITEMS[mode]);
    const waits: number[] = [];
    for (let n = 0; n < PROBES[mode]; n += 1) {
      const job = await submit('small', 10);
      await services.seconds(job, 10);
      waits.push(...(await waitsOf(services, job)));
      await pause(PAUSE_MS[mode]);
    }
    const [busy] = await services.stack.primary.query<{ done: number; open: number }>(
      `select coalesce(sum(done), 0)::int as done, (count(*) filter (where finished_at is null))::int as open
       from tidemark.jobs where owner = 'busy'`,
    );
    context.log(`p50 ${percentile(waits, 0.5).toFixed(0)} ms; the busy tenant had ${busy?.done} items done`);
    return [
      atMost('p99 between an item’s submission and its start', TARGET_MS[mode], percentile(waits, 0.99), ' ms'),
      // In a quick run they may be over.
      atLeast('jobs of the busy tenant that were open to the end', context.quick ? 0 : JOBS[mode], busy?.open ?? 0),
    ];
  },
};

async function waitsOf({ stack }: BatchServices, job: string): Promise<number[]> {
  const rows = await stack.primary.query<{ ms: number }>(
    `select extract(epoch from i.ended_at - j.created_at)::float8 * 1000 - i.duration_ms as ms
     from tidemark.job_items i join tidemark.jobs j on j.id = i.job_id where j.id = $1`,
    [job],
  );
  return rows.map(({ ms }) => ms);
}
