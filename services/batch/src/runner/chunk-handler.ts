import { ACK_WAIT_MS, type Delivery } from '@tidemark/bus';
import { TidemarkError, type WorkMessage } from '@tidemark/contracts';
import { every } from '@tidemark/service';
import type { ChunkLedger, ClaimedChunk } from '../chunks/chunk-ledger.ts';
import type { QueuedChunk } from '../jobs/job-ledger.ts';
import type { Leases } from '../leases/leases.ts';
import { HAND_BACK, LOST } from './end-reasons.ts';
import type { Progress } from './progress.ts';
import { type RunChunkDeps, runChunk } from './run-chunk.ts';
import { itemTimeMs } from './run-item.ts';
import { untilStored } from './until-stored.ts';

export interface ChunkHandlerOptions extends RunChunkDeps {
  chunks: ChunkLedger;
  publish: (chunks: readonly QueuedChunk[]) => Promise<void>;
  progress: Progress;
  leases: Leases;
}

export interface ChunkHandler {
  handle(message: WorkMessage, delivery: Delivery): Promise<void>;
  cancel(job: string): void;
  /** Stops all chunks after the deadline of the shutdown, and hands them back to the queue. */
  handBackAll(): void;
  stop(): void;
}

interface RunningChunk {
  chunk: ClaimedChunk;
  delivery: Delivery;
  controller: AbortController;
}

const CLAIM_RETRY_MS = 1_000;
/** Another instance may run the kind of the chunk. */
const LACKING_RETRY_MS = 1_000;

export function createChunkHandler(options: ChunkHandlerOptions): ChunkHandler {
  const { chunks, publish, progress, observe } = options;
  // The runner bounds the number of chunks.
  const running = new Set<RunningChunk>();
  let handingBack = false;

  const beat = every('messages', ACK_WAIT_MS / 3, keepMessages, observe);

  function keepMessages(): void {
    for (const { delivery } of running) delivery.working();
  }

  async function handle(message: WorkMessage, delivery: Delivery): Promise<void> {
    let chunk: ClaimedChunk | 'stale' | 'lacking';
    try {
      chunk = await chunks.claim(message);
    } catch (error) {
      observe({ type: 'runner.failed', error: error as Error });
      delivery.nak(CLAIM_RETRY_MS);
      return;
    }
    if (chunk === 'lacking') {
      delivery.nak(LACKING_RETRY_MS);
      return;
    }
    if (chunk === 'stale') {
      observe({ type: 'chunk.stale', ...message });
      delivery.ack();
      return;
    }
    const entry = { chunk, delivery, controller: new AbortController() };
    running.add(entry);
    const itemMs = itemTimeMs(options.kinds.get(chunk.kind)!, options.limits);
    const release = options.leases.hold(chunk, itemMs, () => entry.controller.abort(LOST));
    // The deadline of the shutdown has passed during the claim.
    if (handingBack) entry.controller.abort(HAND_BACK);
    try {
      await run(entry);
    } finally {
      release();
      running.delete(entry);
    }
  }

  async function run(entry: RunningChunk): Promise<void> {
    const { chunk, delivery, controller } = entry;
    const startedAt = performance.now();
    const id = { job: chunk.job, chunk: chunk.chunk };
    try {
      const result = await runChunk(options, chunk, controller.signal);
      const queued = await untilStored(() => chunks.complete(chunk, result), controller.signal, observe);
      delivery.ack();
      if (!queued) {
        observe({ type: 'chunk.discarded', ...id, attempt: chunk.attempt });
        return;
      }
      const { done, failed } = result;
      observe({ type: 'chunk.done', ...id, done, failed, ms: performance.now() - startedAt });
      progress.mark(chunk.job);
      await publish(queued);
    } catch (error) {
      if (controller.signal.reason === LOST) {
        observe({ type: 'chunk.discarded', ...id, attempt: chunk.attempt });
        delivery.ack();
      } else if (controller.signal.reason === HAND_BACK) {
        await handBack(chunk, delivery);
      } else {
        await fault(entry, error as Error);
      }
    }
  }

  async function handBack(chunk: ClaimedChunk, delivery: Delivery): Promise<void> {
    // The row comes first: a message that arrives before it is refused as stale.
    const back = await chunks.handBack(chunk);
    if (back) {
      observe({ type: 'chunk.handed_back', job: chunk.job, chunk: chunk.chunk });
      delivery.nak(0);
    } else delivery.ack();
  }

  /**
   * Any but a temporary error comes from the results of the items, so the chunk is split to find the item. When that
   * fails too, the sweeper takes the chunk back after its lease.
   */
  async function fault({ chunk, delivery, controller }: RunningChunk, error: Error): Promise<void> {
    const { job, attempt } = chunk;
    const { signal } = controller;
    observe({ type: 'chunk.fault', job, chunk: chunk.chunk, attempt, error });
    if (isPassing(error)) await untilStored(() => chunks.fault(chunk), signal, observe);
    else await publish(await untilStored(() => chunks.lose(chunk, true), signal, observe));
    delivery.ack();
  }

  return {
    handle,
    cancel(job) {
      for (const { chunk, controller } of running) if (chunk.job === job) controller.abort(LOST);
    },
    handBackAll() {
      handingBack = true;
      for (const { controller } of running) controller.abort(HAND_BACK);
    },
    stop() {
      beat.stop();
    },
  };
}

const isPassing = (error: unknown) => error instanceof TidemarkError && error.status >= 500;
