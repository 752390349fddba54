/** A job of many items, while everything that it needs is killed in turn. */
import { withClient } from '@tidemark/local-stack';
import { pause, until } from '../../measuring/waiting.ts';
import { type EffectsJob, startEffectsJob, streamNames } from '../batch/effects-job.ts';
import { equal, type Finding, type Trial } from '../trial.ts';

const ITEMS = { quick: 800, full: 10_000 };
const TIMES = {
  quick: { batch: 2, nats: 1, streams: 1, backends: 1 },
  full: { batch: 10, nats: 5, streams: 1, backends: 3 },
};
const ITEM_MS = { quick: 5, full: 10 };
/** The last fault happens when this share of the items is done. */
const FAULTS_UNTIL = 0.85;
const RESTARTS_WITHIN_MS = 30_000;
const ENDS_WITHIN_MS = { quick: 60_000, full: 300_000 };

type Fault = keyof (typeof TIMES)['full'];

export const batch: Trial = {
  name: 'batch',
  claim: 'a job whose runners, queue, streams and connections are killed has each result and each effect once',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const job = await startEffectsJob(context, {
      instances: 2,
      env: { BATCH_LEASE_MS: '2000' },
      spec: { items: ITEMS[mode], itemMs: ITEM_MS[mode] },
    });
    const faults = shuffled(TIMES[mode]);
    const counts: Record<Fault, number> = { batch: 0, nats: 0, streams: 0, backends: 0 };
    for (const [n, fault] of faults.entries()) {
      const at = Math.round(((n + 1) / faults.length) * FAULTS_UNTIL * job.items);
      await until(`${at} items`, async () => (await job.written()) >= at, ENDS_WITHIN_MS[mode]);
      context.log(`${await job.written()} items, then a fault: ${fault}`);
      await inject(job, fault, counts.batch);
      counts[fault] += 1;
    }
    await job.ended(ENDS_WITHIN_MS[mode]);
    // The others may end the job before the one that was killed last has started again.
    const restarts = () => job.instances.reduce((sum, instance) => sum + instance.starts() - 1, 0);
    await until('starts after each kill', () => restarts() >= TIMES[mode].batch, RESTARTS_WITHIN_MS);
    return [
      equal(
        'kills of batch, of NATS, deleted streams, rounds of terminated backends',
        Object.values(TIMES[mode]).join(),
        Object.values(counts).join(),
      ),
      equal('starts after a kill', true, restarts() >= TIMES[mode].batch),
      ...(await job.check(0)),
    ];
  },
};

/** Each kind of fault is spread over the run. */
function shuffled(times: Readonly<Record<Fault, number>>): Fault[] {
  return (Object.entries(times) as [Fault, number][])
    .flatMap(([fault, count]) => Array.from({ length: count }, (_, n) => ({ fault, at: (n + 0.5) / count })))
    .sort((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}

async function inject({ stack, instances }: EffectsJob, fault: Fault, n: number): Promise<void> {
  const { primary, nats } = stack;
  if (fault === 'batch') {
    const instance = instances[n % instances.length]!;
    await until('an instance to kill', () => instance.kill());
  } else if (fault === 'nats') {
    await nats.stop('immediate');
    await pause(500);
    await nats.start();
  } else if (fault === 'streams') {
    for (const name of await streamNames(stack)) await nats.request(`$JS.API.STREAM.DELETE.${name}`);
  } else {
    await withClient(
      primary.url,
      (sql) => sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`,
    );
  }
}
