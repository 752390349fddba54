import { type Bus, createWorkQueue, type WorkQueue } from '@tidemark/bus';
import type { BatchEvent } from '../events.ts';
import type { QueuedChunk } from '../jobs/job-ledger.ts';

export interface ChunkQueue extends Omit<WorkQueue, 'publish'> {
  /** Never throws: the sweeper publishes a chunk again whose message was lost. */
  publish(chunks: readonly QueuedChunk[]): Promise<void>;
}

export function createChunkQueue(bus: Bus, observe: (event: BatchEvent) => void): ChunkQueue {
  const queue = createWorkQueue(bus);
  let onStored = () => {};
  return {
    ...queue,
    watch(onWork) {
      onStored = onWork;
      return queue.watch(onWork);
    },
    async publish(chunks) {
      if (chunks.length === 0) return;
      await Promise.all(
        chunks.map(({ priority, job, chunk, attempt }) =>
          queue
            .publish(priority, { job, chunk, attempt })
            .catch((error: Error) => observe({ type: 'queue.publish_failed', priority, error })),
        ),
      );
      // Other instances hear of the messages a moment before these can be pulled; this one need not look twice.
      onStored();
    },
  };
}
