import type { WorkerStats } from '@tidemark/contracts';
import { WindowedSketch } from '@tidemark/db';
import type { Metrics, Observe } from '@tidemark/service';
import type { BatchEvent } from './events.ts';
import type { Admission } from './workers/admission.ts';
import type { WorkerPool } from './workers/worker-pool.ts';

export interface WorkerCounts {
  read: Observe<BatchEvent>;
  stats(workers: WorkerPool, threadCount: number, admission: Admission): WorkerStats;
}

export function createWorkerCounts(metrics: Metrics): WorkerCounts {
  const counts = { chunksDone: 0, chunksFailed: 0, chunksRetried: 0, itemsDone: 0, itemsFailed: 0 };
  const itemMs = new WindowedSketch();
  const seconds = metrics.histogram('tidemark_batch_item_seconds', 'Time of an item, waiting for memory included');
  const failures = metrics.counter('tidemark_batch_item_failures_total', 'Items that failed, by error', ['code']);

  return {
    read(event) {
      switch (event.type) {
        case 'chunk.done':
          counts.chunksDone += 1;
          break;
        case 'chunk.failed':
          counts.chunksFailed += 1;
          break;
        case 'chunk.lost':
        case 'chunk.fault':
        case 'chunk.postponed':
          counts.chunksRetried += 1;
          break;
        case 'item.done':
          counts.itemsDone += 1;
          itemMs.record(event.ms);
          seconds.observe(event.ms / 1_000);
          break;
        case 'item.failed':
          counts.itemsFailed += 1;
          failures.inc({ code: event.code });
          break;
      }
    },
    stats(workers, threadCount, admission) {
      const itemWindow = itemMs.window();
      return {
        threads: threadCount,
        busy: workers.busy(),
        admittedBytes: admission.admittedBytes(),
        admissionLimitBytes: admission.limitBytes,
        chunksDoneTotal: counts.chunksDone,
        chunksFailedTotal: counts.chunksFailed,
        chunksRetriedTotal: counts.chunksRetried,
        itemsDoneTotal: counts.itemsDone,
        itemsFailedTotal: counts.itemsFailed,
        itemP50Ms: itemMs.quantile(0.5),
        itemP99Ms: itemMs.quantile(0.99),
        recycledTotal: workers.recycledTotal(),
        ...(itemWindow && { itemWindow }),
      };
    },
  };
}
