import { ACK_WAIT_MS, type Delivery } from '@tidemark/bus';
import { type Priority, TidemarkError } from '@tidemark/contracts';
import { every, Semaphore } from '@tidemark/service';
import type { ChunkLedger, ClaimedChunk } from '../chunks/chunk-ledger.ts';
import type { ThreadUsage } from '../fairness/thread-usage.ts';
import type { QueuedChunk } from '../jobs/job-ledger.ts';
import type { JobKind } from '../kinds/job-kind.ts';
import { kindVersions } from '../kinds/load-kinds.ts';
import type { Leases } from '../leases/leases.ts';
import type { ChunkTrace, JobTraces } from '../tracing/job-traces.ts';
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
  usage: ThreadUsage;
  traces: JobTraces;
  /** Chunks at a time, by where their kind runs. */
  slots: Readonly<Record<JobKind['runsOn'], number>>;
}

export interface ChunkHandler {
  /** Runs the chunk whose turn it is, whichever one the message announced. Returns false at once when none may start here now. */
  handle(priorities: readonly Priority[], delivery: Delivery): Promise<boolean>;
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

interface HeldChunk {
  entry: RunningChunk;
  release: () => void;
}

const CLAIM_RETRY_MS = 1_000;

export function createChunkHandler(options: ChunkHandlerOptions): ChunkHandler {
  const { chunks, publish, progress, usage, slots, observe } = options;
  const all = [...options.kinds.values()];
  // The runner bounds the number of chunks.
  const running = new Set<RunningChunk>();
  /** Claims run one at a time, because each counts the chunks that run: together they would exceed the share of a tenant. */
  const claims = new Semaphore(1);
  let handingBack = false;

  const beat = every('messages', ACK_WAIT_MS / 3, keepMessages, observe);

  function keepMessages(): void {
    for (const { delivery } of running) delivery.working();
  }

  function kindsWithRoom(): JobKind[] {
    const taken = { thread: 0, main: 0 };
    for (const { chunk } of running) taken[options.kinds.get(chunk.kind)!.runsOn] += 1;
    return all.filter(({ runsOn }) => taken[runsOn] < slots[runsOn]);
  }

  const claim = (priorities: readonly Priority[], delivery: Delivery): Promise<HeldChunk | 'none' | 'later'> =>
    claims.run(async () => {
      const chunk = await chunks.claim({ kinds: kindVersions(kindsWithRoom()), priorities, ...usage.turn() });
      return typeof chunk === 'string' ? chunk : hold(chunk, delivery);
    });

  function hold(chunk: ClaimedChunk, delivery: Delivery): HeldChunk {
    const entry = { chunk, delivery, controller: new AbortController() };
    running.add(entry);
    const itemMs = itemTimeMs(options.kinds.get(chunk.kind)!, options.limits);
    const endLease = options.leases.hold(chunk, itemMs, () => entry.controller.abort(LOST));
    const endUse = usage.begin(chunk);
    // The deadline of the shutdown has passed during the claim.
    if (handingBack) entry.controller.abort(HAND_BACK);
    const release = () => {
      endUse();
      endLease();
      running.delete(entry);
    };
    return { entry, release };
  }

  async function handle(priorities: readonly Priority[], delivery: Delivery): Promise<boolean> {
    let held: HeldChunk | 'none' | 'later';
    try {
      held = await claim(priorities, delivery);
    } catch (error) {
      observe({ type: 'runner.failed', error: error as Error });
      delivery.nak(CLAIM_RETRY_MS);
      return true;
    }
    if (held === 'none') {
      // A message too many: its chunk was cancelled, or the message was published twice.
      observe({ type: 'queue.spare_message' });
      delivery.ack();
      return true;
    }
    if (held === 'later') {
      delivery.nak(0);
      return false;
    }
    try {
      await run(held.entry);
    } finally {
      held.release();
    }
    return true;
  }

  async function run(entry: RunningChunk): Promise<void> {
    const { chunk, delivery, controller } = entry;
    const startedAt = performance.now();
    const id = { job: chunk.job, chunk: chunk.chunk };
    let trace: ChunkTrace | undefined;
    try {
      trace = await options.traces.chunk(chunk);
      const result = await runChunk(options, chunk, controller.signal, trace);
      const queued = await untilStored(() => chunks.complete(chunk, result), controller.signal, observe);
      delivery.ack();
      if (!queued) {
        trace?.end(undefined, 'another instance has the chunk');
        observe({ type: 'chunk.discarded', ...id, attempt: chunk.attempt });
        return;
      }
      const { done, failed } = result;
      trace?.end({ 'tidemark.done': done, 'tidemark.failed': failed });
      observe({ type: 'chunk.done', ...id, done, failed, ms: performance.now() - startedAt });
      progress.mark(chunk.job);
      await publish(queued);
    } catch (error) {
      trace?.end(undefined, reasonOf(error, controller.signal));
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

const reasonOf = (error: unknown, { aborted, reason }: AbortSignal): string =>
  aborted ? String(reason) : (error as Error).message;
