/** The queue of work with chunks in it: a message only points at the chunk's row. */
import { type Bus, createWorkQueue, type WorkQueue } from '@tidemark/bus';
import type { BatchEvent } from '../events.ts';
import type { QueuedChunk } from '../jobs/job-ledger.ts';

export interface ChunkQueue extends Omit<WorkQueue, 'publish'> {
  /**
   * One message for each chunk. Never throws: a chunk whose message did not get through is found by the sweeper,
   * which publishes it again.
   */
  publish(chunks: readonly QueuedChunk[]): Promise<void>;
}

export function createChunkQueue(bus: Bus, observe: (event: BatchEvent) => void): ChunkQueue {
  const queue = createWorkQueue(bus);
  return {
    ...queue,
    async publish(chunks) {
      await Promise.all(
        chunks.map(({ priority, job, chunk, attempt }) =>
          queue
            .publish(priority, { job, chunk, attempt })
            .catch((error: Error) => observe({ type: 'queue.publish_failed', priority, error })),
        ),
      );
    },
  };
}
