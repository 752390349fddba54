/** Every change is fenced by attempt and worker. */
import type { Priority, WorkMessage } from '@tidemark/contracts';
import { arrayLiteral, type Pool, type Row, type Transaction } from '@tidemark/db';
import type { FileRegistry, NewFile } from '@tidemark/files';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import { targetStatements } from '../fairness/target-statements.ts';
import type { Turn } from '../fairness/thread-usage.ts';
import type { ChunkResult } from '../items/chunk-result.ts';
import { itemRows, itemStatements } from '../items/item-statements.ts';
import type { JobIdentity } from '../jobs/identity.ts';
import type { Advance, JobLedger, LockedJob, QueuedChunk } from '../jobs/job-ledger.ts';
import type { KindTimes } from '../jobs/kind-times.ts';
import type { PlannedItem } from '../jobs/plan-page.ts';
import type { Kinds, kindVersions } from '../kinds/load-kinds.ts';
import type { ChunkState } from './chunk-state.ts';
import { chunkStatements } from './chunk-statements.ts';

export interface ClaimedChunk extends WorkMessage {
  items: PlannedItem[];
  /** Number of processes that ended while they ran these items. */
  losses: number;
  kind: string;
  spec: unknown;
  tenant: string;
  /** The service that the items call; null: none. */
  target: string | null;
  /** Measured ms of an item of the job; null until the first ones are done. */
  itemMs: number | null;
  /** The `sub` of who submitted the job. */
  owner: string | null;
  /** The identity with whose rights the inputs are read. */
  identity: JobIdentity;
}

export interface ClaimOptions extends Turn {
  kinds: ReturnType<typeof kindVersions>;
  priorities: readonly Priority[];
}

export interface ChunkLedger {
  /** Takes the chunk whose turn it is. 'none': nothing is queued. 'later': what is queued may not start here now. */
  claim(options: ClaimOptions): Promise<ClaimedChunk | 'none' | 'later'>;
  /**
   * Writes the results, the next chunks of the window and possibly the end of the job, in one transaction. Returns
   * undefined, and writes nothing, when the chunk is no longer ours.
   */
  complete(chunk: ClaimedChunk, result: ChunkResult): Promise<QueuedChunk[] | undefined>;
  fault(chunk: WorkMessage): Promise<void>;
  /**
   * Splits a chunk whose items must not run together again. A single item fails at its last loss. Without `isOurs`
   * the lease must be over.
   */
  lose(chunk: WorkMessage, isOurs: boolean): Promise<QueuedChunk[]>;
  handBack(chunk: WorkMessage): Promise<boolean>;
}

export interface ChunkLedgerOptions {
  pool: Pool;
  registry: FileRegistry;
  kinds: Kinds;
  jobs: JobLedger;
  times: KindTimes;
  /** Chunks of a job on the queue at a time. */
  window: number;
  worker: string;
  leaseMs: number;
  maxAttempts: number;
  faultDelayMs: number;
  /** A job whose source has more pages has fewer planned chunks now. */
  onRoom: (job: string) => void;
  observe: (event: BatchEvent) => void;
}

interface ClaimedRow extends Omit<ClaimedChunk, 'itemMs' | 'identity'>, Omit<JobIdentity, 'isRefused'>, Row {
  item_ms: number | null;
  may_role: boolean;
  commit: string;
}

interface LostChunk {
  state: ChunkState;
  attempt: number;
  losses: number;
  items: PlannedItem[];
  target: string | null;
}

/** A smaller change of the measured time of an item is not worth a write, nor is any of items that fill their chunks. */
const MIN_CHANGE = 0.25;
const MIN_MEASURED_MS = 1;

/** Rolls back. */
const NOT_OURS = new Error('the chunk is no longer ours');

interface Completed extends Row {
  priority: Priority;
  plannedAll: boolean;
  queued: { chunk: number; attempt: number }[];
  /** Nothing is open, and the end of the job is left to us. */
  isOver: boolean;
  /** The number of its items, when the job has ended. */
  endedWith: number | null;
}

export function createChunkLedger(options: ChunkLedgerOptions): ChunkLedger {
  const { pool, registry, jobs, worker, leaseMs, maxAttempts, observe } = options;

  /** Returns undefined when the job is not running, or there was nothing to change. */
  async function changeLocked(
    job: string,
    change: (tx: Transaction, locked: LockedJob) => Promise<WorkMessage[] | undefined>,
  ): Promise<QueuedChunk[] | undefined> {
    const advance = await pool.transaction(async (tx): Promise<Advance | undefined> => {
      const locked = await jobs.lock(tx, job);
      if (!locked) return undefined;
      const changed = await change(tx, locked);
      if (!changed) return undefined;
      const { queued, ...advanced } = await jobs.advanceLocked(tx, locked);
      const own = changed.map((chunk) => ({ ...chunk, priority: locked.priority }));
      if (!locked.plannedAll) options.onRoom(job);
      return { ...advanced, queued: [...own, ...queued] };
    });
    if (!advance) return undefined;
    if (advance.finished) observe(advance.finished);
    return advance.toFinish ? [...advance.queued, ...(await jobs.advance(job))] : advance.queued;
  }

  /** Returns the ms until the target may be called again. */
  async function adaptTarget(
    tx: Transaction,
    { job, chunk, kind, tenant, target }: ClaimedChunk,
    answer: NonNullable<ChunkResult['target']>,
  ): Promise<number | undefined> {
    const params = [kind, target, tenant, job, chunk];
    if (!answer.refused) {
      await tx.query(targetStatements.answered, params);
      return undefined;
    }
    const [row] = await tx.query<{ ms: number }>(targetStatements.refused, [...params, answer.retryAfterMs]);
    return row?.ms ?? options.faultDelayMs;
  }

  async function completeIn(
    run: Pick<Pool, 'query'> | Transaction,
    { job, chunk, attempt, kind, target, itemMs }: ClaimedChunk,
    { done, failed, rows, retries, itemMs: measured }: ChunkResult,
    blockedMs?: number,
  ): Promise<Completed | undefined> {
    const again = retries.map((retry) => ({
      items: retry.items,
      delay_ms: retry.delayMs === 'target' ? blockedMs : retry.delayMs,
      target: retry.target ?? target,
    }));
    const [completed] = await run.query<Completed>(chunkStatements.complete, [
      ...[job, chunk, attempt, worker, done, failed, ...itemRows(rows)],
      ...[again.length === 0 ? null : JSON.stringify(again), newMeasure(itemMs, measured) ?? null, options.window],
      !options.kinds.get(kind)?.finish,
    ]);
    return completed;
  }

  /** Completes a chunk that has files, or an answer of the target. */
  async function completeWithMore(claimed: ClaimedChunk, result: ChunkResult): Promise<Completed | undefined> {
    const { target: answer, files } = result;
    try {
      return await pool.transaction(async (tx) => {
        // Everything locks the job before its target.
        if (answer && !(await jobs.lock(tx, claimed.job))) throw NOT_OURS;
        const blockedMs = answer && (await adaptTarget(tx, claimed, answer));
        // Both are sent at once. If the chunk is not ours, an error of the files says that another attempt has written them.
        const [completed, written] = await Promise.allSettled([
          completeIn(tx, claimed, result, blockedMs),
          registry.insert(tx, outputsOf(claimed, files)),
        ]);
        if (completed.status === 'rejected') throw completed.reason;
        if (!completed.value) throw NOT_OURS;
        if (written.status === 'rejected') throw written.reason;
        return completed.value;
      });
    } catch (error) {
      if (error === NOT_OURS) return undefined;
      throw error;
    }
  }

  async function afterLoss(tx: Transaction, { job, chunk }: WorkMessage, lost: LostChunk): Promise<void> {
    const { state, losses, items, target } = lost;
    if (state === 'split') {
      // The losses of a chunk are not those of each item: one that is left alone has the same number of losses to go.
      const middle = Math.ceil(items.length / 2);
      const halves = [items.slice(0, middle), items.slice(middle)].map((half) => ({ items: half, losses: 1, target }));
      await tx.query(chunkStatements.insert, [job, JSON.stringify(halves)]);
    } else if (state === 'failed') {
      const { code, message, hint } = errors.ITEM_LOST({ losses, how: `chunk ${chunk} was never completed` });
      const shared = { state, code, error: { message, hint }, dead_letter: true } as const;
      const rows = items.map(({ index, input, attempts }) => ({ index, input, attempts, ...shared }));
      await tx.query(itemStatements.write, [job, ...itemRows(rows)]);
    }
  }

  return {
    async claim({ kinds, priorities, used, long, mostLong, unmeasured }) {
      const [row] = await pool.query<ClaimedRow>(chunkStatements.claim, [
        ...[JSON.stringify(kinds), worker, leaseMs, arrayLiteral([...priorities]), JSON.stringify(used)],
        ...[long, mostLong, JSON.stringify(unmeasured)],
      ]);
      if (!row) {
        const [found] = await pool.query(chunkStatements.anyQueued);
        return found?.queued ? 'later' : 'none';
      }
      const { role, claims, item_ms: itemMs, may_role, commit: _, ...chunk } = row;
      return { ...chunk, itemMs, identity: { role, claims, isRefused: !may_role } };
    },

    async complete(claimed, result) {
      const { job, kind } = claimed;
      const isPlain = result.files.length === 0 && !result.target;
      const completed = await (isPlain ? completeIn(pool, claimed, result) : completeWithMore(claimed, result));
      if (!completed) return undefined;
      const { priority, plannedAll, queued, isOver, endedWith } = completed;
      if (!plannedAll) options.onRoom(job);
      if (endedWith !== null) {
        observe({ type: 'job.finished', job, state: 'succeeded', done: endedWith, failed: 0 });
      }
      if (result.itemMs !== undefined) options.times.learn(kind, result.itemMs);
      const next = queued.map((chunk) => ({ job, ...chunk, priority }));
      return isOver ? [...next, ...(await jobs.advance(job))] : next;
    },

    async fault({ job, chunk, attempt }) {
      await pool.query(chunkStatements.fault, [job, chunk, attempt, worker, options.faultDelayMs]);
    },

    async lose(message, isOurs) {
      const { job, chunk, attempt } = message;
      let lost: LostChunk | undefined;
      const queued = await changeLocked(job, async (tx) => {
        const params = [job, chunk, attempt, isOurs ? worker : null, maxAttempts];
        [lost] = await tx.query<LostChunk & Row>(chunkStatements.lose, params);
        if (!lost) return undefined;
        await afterLoss(tx, message, lost);
        return lost.state === 'queued' ? [{ job, chunk, attempt: lost.attempt }] : [];
      });
      if (lost)
        observe({ type: lost.state === 'failed' ? 'chunk.failed' : 'chunk.lost', ...message, losses: lost.losses });
      return queued ?? [];
    },

    async handBack({ job, chunk, attempt }) {
      return (await pool.query(chunkStatements.handBack, [job, chunk, attempt, worker])).length > 0;
    },
  };
}

/** The outputs of a job without an owner, such as one of a service token, belong to the owners of the inputs. */
function outputsOf({ job, owner }: ClaimedChunk, files: ChunkResult['files']): NewFile[] {
  return files.map(({ item, ...file }) => ({ ...file, owner: owner ?? item.owner, jobId: job }));
}

/** Returns undefined for what is not worth a write. */
function newMeasure(before: number | null, ms: number | undefined): number | undefined {
  if (ms === undefined) return undefined;
  if (before === null) return ms;
  const mean = (before + ms) / 2;
  if (Math.max(before, mean) < MIN_MEASURED_MS || Math.abs(mean - before) < MIN_CHANGE * before) return undefined;
  return mean;
}
