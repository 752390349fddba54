/** Running takes chunks from the queue, runs their items in worker processes, and writes the results. */
import { Semaphore } from '@tidemark/service';
import type { Alerts } from '../alerts/alerts.ts';
import type { ChunkLedger } from '../chunks/chunk-ledger.ts';
import { workerSizes } from '../config.ts';
import { createThreadUsage } from '../fairness/thread-usage.ts';
import type { Resources } from '../resources.ts';
import * as settings from '../settings.ts';
import { createAdmission } from '../workers/admission.ts';
import { createWorkerPool } from '../workers/worker-pool.ts';
import { createChunkHandler } from './chunk-handler.ts';
import { createProgress } from './progress.ts';
import { createInputReader } from './read-inputs.ts';
import { startRunner } from './runner.ts';
import { createStoreGate } from './store-gate.ts';

export interface RunningOptions {
  resources: Resources;
  chunks: ChunkLedger;
  alerts: Alerts;
  workerFile: URL;
}

export function startRunning({ resources, chunks, alerts, workerFile }: RunningOptions) {
  const { config, kinds, pool, queue, registry, roles, store, work, observe } = resources;
  const { threads, memoryBytes } = workerSizes(config);
  const slots = settings.slotsOf(config);
  const admission = createAdmission(memoryBytes);
  const workers = createWorkerPool({
    ...settings.workerPoolSettings(config, kinds),
    file: workerFile,
    admission,
    observe,
  });
  const storeGate = createStoreGate({ store, alerts, observe, onOpen: () => runner.wake() });
  const progress = createProgress(pool, config.BATCH_PROGRESS_MS, observe);
  const handler = createChunkHandler({
    ...resources,
    ...settings.attemptSettings(config),
    workers,
    chunks,
    progress,
    storeGate,
    slots,
    limits: settings.instanceLimits(config),
    stepPlaces: new Semaphore(threads),
    main: { store, storeTimeoutMs: settings.storeTimeoutMs(config) },
    usage: createThreadUsage(threads),
    readInputs: createInputReader(registry, roles),
    publish: queue.publish,
  });
  const runner = startRunner({
    queue,
    observe,
    handle: handler.handle,
    slots: slots.thread + slots.main,
    mayTake: () => storeGate.isOpen() && work.isBusy(),
  });

  return {
    runner,
    handler,
    workers,
    storeGate,
    admission,
    async stopTaking(): Promise<void> {
      storeGate.stop();
      await runner.stop();
    },
    async close(): Promise<void> {
      handler.stop();
      await progress.stop();
      await workers.close();
    },
  };
}
