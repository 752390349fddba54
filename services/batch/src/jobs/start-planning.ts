/** Planning turns jobs into chunks, and ends what is over: due schedules, lost chunks, cancelled and expired jobs. */
import type { ChunkLedger } from '../chunks/chunk-ledger.ts';
import type { Resources } from '../resources.ts';
import { startRetention } from '../retention/retention.ts';
import { startScheduler } from '../schedules/scheduler.ts';
import { plannerSettings } from '../settings.ts';
import { startSweeper } from '../sweeper/sweeper.ts';
import type { WorkerPool } from '../workers/worker-pool.ts';
import { createExpander } from './expand-inputs.ts';
import type { JobLedger } from './job-ledger.ts';
import { createPlanner } from './planner.ts';

export interface PlanningOptions {
  resources: Resources;
  /** Look into documents. */
  workers: Pick<WorkerPool, 'run'>;
  jobs: JobLedger;
  chunks: ChunkLedger;
  onCancelled: (job: string) => void;
}

export function startPlanning({ resources, workers, jobs, chunks, onCancelled }: PlanningOptions) {
  const { config, pool, queue, roles, work, observe } = resources;
  const planner = createPlanner({
    ...resources,
    ...plannerSettings(config),
    expand: createExpander({ ...resources, workers }),
    ledger: jobs,
    publish: queue.publish,
    onMore: (job) => sweeper.planPage(job),
  });
  const intervalMs = config.BATCH_SWEEP_MS;
  const sweeper = startSweeper({
    pool,
    planner,
    jobs,
    chunks,
    queue,
    work,
    observe,
    onCancelled,
    intervalMs,
    leaseMs: config.BATCH_LEASE_MS,
  });
  const scheduler = startScheduler({ pool, roles, work, observe, intervalMs, onStarted: sweeper.wake });
  const retention = startRetention({ pool, days: config.BATCH_RETAIN_DAYS, observe });

  return {
    sweeper,
    async stop(): Promise<void> {
      await Promise.all([sweeper.stop(), scheduler.stop(), retention.stop()]);
    },
  };
}
