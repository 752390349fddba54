/** The time between a request of an idle system for a job and the start of its first item. */
import { atMost, type Finding, type Trial } from '../../lab/trial.ts';
import { percentile } from '../../measuring/statistics.ts';
import { pause } from '../../measuring/waiting.ts';
import { startBatchServices } from '../services.ts';

const JOBS = { quick: 5, full: 300 };
const IDLE_MS = { quick: 10, full: 150 };
const TARGET_MS = { quick: 10_000, full: 100 };

export const startLatency: Trial = {
  name: 'start-latency',
  claim: 'on an idle system the first item of a job starts within 100 ms after POST, for 99 of 100 jobs',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const services = await startBatchServices(context);
    const times: number[] = [];
    for (let n = -5; n < JOBS[mode]; n += 1) {
      await pause(IDLE_MS[mode]);
      // Postgres runs on this machine, so that both clocks are one.
      const postedAt = Date.now();
      const job = await services.submit('noop', { items: 1 });
      await services.seconds(job, 1);
      const [row] = await services.stack.primary.query<{ ms: number }>(
        `select extract(epoch from min(started_at))::float8 * 1000 as ms from tidemark.job_chunks where job_id = $1`,
        [job],
      );
      // The first requests compile the code.
      if (n >= 0) times.push((row?.ms ?? Number.NaN) - postedAt);
    }
    context.log(`p50 ${percentile(times, 0.5).toFixed(1)} ms`);
    return [atMost('p99 between POST and the first item', TARGET_MS[mode], percentile(times, 0.99), ' ms')];
  },
};
