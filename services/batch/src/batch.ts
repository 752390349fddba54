/** Jobs pass through the parts of the service: planning → queue → running → results. */
import type { Bus } from '@tidemark/bus';
import { createAlerts } from './alerts/alerts.ts';
import { watchDeadLetters } from './alerts/dead-letters.ts';
import { startAtOnce } from './at-once/at-once.ts';
import { createChunkLedger } from './chunks/chunk-ledger.ts';
import { createJobLedger } from './jobs/job-ledger.ts';
import { startPlanning } from './jobs/start-planning.ts';
import { followJobChanges } from './queue/job-changes.ts';
import { openResources, type ResourcesOptions } from './resources.ts';
import { startRunning } from './runner/start-running.ts';
import { attemptSettings, windowOf } from './settings.ts';
import { startTemporarySweep } from './sweeper/temporary-sweep.ts';

export interface BatchDependencies extends ResourcesOptions {
  bus: Bus;
  workerFile: URL;
}

export type Batch = Awaited<ReturnType<typeof startBatch>>;

export async function startBatch({ workerFile, ...dependencies }: BatchDependencies) {
  const { config, instance, bus, observe } = dependencies;
  const resources = await openResources(dependencies);
  const { pool, queue, store, leases, snapshots, writers, reports, work } = resources;
  // From here on nothing waits, so that no chunk completes before every part is there.
  const jobs = createJobLedger({ ...resources, window: windowOf(config) });
  const chunks = createChunkLedger({
    ...resources,
    ...attemptSettings(config),
    jobs,
    window: windowOf(config),
    leaseMs: config.BATCH_LEASE_MS,
    onRoom: (job) => planning.sweeper.planPage(job),
  });
  const alerts = createAlerts(bus, instance, observe);
  const running = startRunning({ resources, chunks, alerts, workerFile });
  const { runner, handler, workers, storeGate, admission } = running;
  const atOnce = startAtOnce({ resources, bus, admission, workerFile });
  const planning = startPlanning({ resources, workers: atOnce.workers, jobs, chunks, onCancelled: handler.cancel });
  const { sweeper } = planning;
  const announcements = queue.watch(() => {
    work.heard();
    runner.wake();
  });
  const changes = followJobChanges({ bus, onQueued: sweeper.wake, onCancelled: handler.cancel });
  const temporary = startTemporarySweep(store, observe);
  const deadLetters = watchDeadLetters({ pool, work, alerts, observe });

  return {
    runner,
    sweeper,
    handler,
    workers,
    leases,
    storeGate,
    admission,
    snapshots,
    writers,
    reports,
    atOnce,
    work,
    async stopTaking(): Promise<void> {
      resources.stopRegistration();
      atOnce.stopTaking();
      for (const part of [announcements, temporary, deadLetters, alerts]) part.stop();
      await Promise.all([changes.stop(), running.stopTaking(), planning.stop()]);
    },
    async close(): Promise<void> {
      await Promise.all([running.close(), atOnce.close()]);
      await resources.close();
    },
  };
}
