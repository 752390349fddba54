/** Each change is one transaction. The caller publishes the returned chunks. */
import type { JobState, Priority } from '@tidemark/contracts';
import type { Pool, Row, Transaction } from '@tidemark/db';
import { chunkStatements } from '../chunks/chunk-statements.ts';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import { itemRows, itemStatements } from '../items/item-statements.ts';
import type { Kinds } from '../kinds/load-kinds.ts';
import { errorColumn } from './error-column.ts';
import { type FinishCall, FinishError, runFinish } from './finish-job.ts';
import { nextJobState } from './job-state.ts';
import { jobStatements } from './job-statements.ts';
import type { ItemsPage, PlannedChunk } from './plan-page.ts';

export interface QueuedChunk {
  job: string;
  chunk: number;
  attempt: number;
  priority: Priority;
}

export interface PlannedPage {
  chunks: readonly PlannedChunk[];
  refused: ItemsPage['refused'];
  /** The position that the first page was read at, or after. */
  tidemark: string | null;
  /** The positions at which this page began (null: at the start) and the next one begins (null: there is none). */
  cursor: string | null;
  nextCursor: string | null;
  /** The `traceparent` of the planning of the first page; undefined: of no other. */
  trace?: string | undefined;
}

export interface JobLedger {
  /** Returns undefined when the job has ended or another instance has written the page. */
  plan(job: string, page: PlannedPage): Promise<QueuedChunk[] | undefined>;
  /** Ends the job when nothing is open. */
  advance(job: string): Promise<QueuedChunk[]>;
  /** A paused job counts as running: what runs may complete. */
  lock(tx: Transaction, job: string): Promise<LockedJob | undefined>;
  /** `advance` inside the transaction that locked the job. A kind's `finish` is left to `advance`. */
  advanceLocked(tx: Transaction, locked: LockedJob): Promise<Advance>;
}

export interface LockedJob extends Row {
  job: string;
  state: JobState;
  priority: Priority;
  kind: string;
  role: string;
  plannedAll: boolean;
}

export interface Advance {
  queued: QueuedChunk[];
  /** The kind has something to do before the end: call `advance`. */
  toFinish?: boolean;
  /** To be observed after the commit. */
  finished?: BatchEvent;
}

export interface JobLedgerOptions {
  pool: Pool;
  kinds: Kinds;
  window: number;
  observe: (event: BatchEvent) => void;
}

/** Item errors shown on the job's row: enough to see what is wrong, small enough to travel with every change of it. */
const SHOWN_ERRORS = 10;

export function createJobLedger({ pool, kinds, window, observe }: JobLedgerOptions): JobLedger {
  async function lock(tx: Transaction, job: string): Promise<LockedJob | undefined> {
    const [row] = await tx.query<LockedJob>(jobStatements.lockRunning, [job]);
    return row;
  }

  async function openWindow(tx: Transaction, { job, state, priority }: LockedJob): Promise<QueuedChunk[]> {
    if (state === 'paused') return [];
    const rows = await tx.query(chunkStatements.openWindow, [job, window]);
    return rows.map(({ chunk, attempt }) => ({ job, chunk, attempt, priority }));
  }

  async function advanceLocked(tx: Transaction, locked: LockedJob): Promise<Advance> {
    const queued = await openWindow(tx, locked);
    if (queued.length > 0 || !locked.plannedAll) return { queued };
    const [open] = await tx.query<{ open: boolean }>(chunkStatements.anyOpen, [locked.job]);
    if (open?.open) return { queued };
    const kind = kinds.get(locked.kind);
    // An instance that runs the kind ends its jobs, for it may have something to do then.
    if (!kind) return { queued };
    if (kind.finish) return { queued, toFinish: true };
    return { queued, finished: await end(tx, locked.job) };
  }

  async function end(tx: Transaction, job: string, call?: FinishCall): Promise<BatchEvent> {
    const [sums] = await tx.query<{ done: number; failed: number }>(jobStatements.sums, [job]);
    const { done = 0, failed = 0 } = sums ?? {};
    await call?.(tx, { done, failed });
    const state = nextJobState('running', { type: 'finished', done, failed }) as JobState;
    const error = failed > 0 ? await failuresOf(tx, job, { failed, total: done + failed }) : null;
    await tx.query(jobStatements.finish, [job, state, done, failed, error]);
    return { type: 'job.finished', job, state, done, failed };
  }

  async function failuresOf(tx: Transaction, job: string, counts: { failed: number; total: number }): Promise<string> {
    const [first] = await tx.query(itemStatements.firstFailures, [job, SHOWN_ERRORS]);
    return errorColumn(errors.ITEMS_FAILED(counts), first?.failures);
  }

  async function advance(job: string): Promise<QueuedChunk[]> {
    try {
      const { queued, finished } = await advanceOrFinish(job);
      if (finished) observe(finished);
      return queued;
    } catch (error) {
      if (!(error instanceof FinishError)) throw error;
      const { code } = errors.FINISH_FAILED();
      const params = [JSON.stringify([job]), errorColumn(errors.FINISH_FAILED()), '["running", "paused"]'];
      await pool.query(jobStatements.refuse, params);
      observe({ type: 'job.refused', job, code, error: error.cause as Error });
      return [];
    }
  }

  function advanceOrFinish(job: string): Promise<Advance> {
    return pool.transaction(async (tx): Promise<Advance> => {
      const locked = await lock(tx, job);
      if (!locked) return { queued: [] };
      const advanced = await advanceLocked(tx, locked);
      if (!advanced.toFinish) return advanced;
      const kind = kinds.get(locked.kind)!;
      return { ...advanced, finished: await end(tx, job, (inTx, counts) => runFinish(inTx, kind, locked, counts)) };
    });
  }

  async function writeRefused(tx: Transaction, job: string, refused: PlannedPage['refused']): Promise<void> {
    const rows = refused.map(({ index, failure: { code, message, hint } }) => {
      return { index, state: 'failed' as const, attempts: 0, code, error: { message, hint } };
    });
    await tx.query(itemStatements.write, [job, ...itemRows(rows)]);
    await tx.query(chunkStatements.insertFailed, [job, rows.length]);
  }

  async function plan(job: string, page: PlannedPage): Promise<QueuedChunk[] | undefined> {
    const { chunks, refused, cursor, nextCursor, tidemark, trace = null } = page;
    const items = chunks.reduce((sum, chunk) => sum + chunk.items.length, 0);
    const advanced = await pool.transaction(async (tx): Promise<Advance | undefined> => {
      const params = [job, items + refused.length, nextCursor === null, tidemark];
      const [locked] = await tx.query<LockedJob>(jobStatements.planned, params);
      if (!locked) return undefined;
      const kept = await tx.query(jobStatements.keepCursor, [job, nextCursor, cursor, trace]);
      if (kept.length === 0) throw errors.PAGE_TAKEN();
      if (refused.length > 0) await writeRefused(tx, job, refused);
      if (items > 0) await tx.query(chunkStatements.insert, [job, JSON.stringify(chunks)]);
      return advanceLocked(tx, locked);
    });
    if (!advanced) return undefined;
    if (advanced.finished) observe(advanced.finished);
    return advanced.toFinish ? [...advanced.queued, ...(await advance(job))] : advanced.queued;
  }

  return { plan, advance, lock, advanceLocked };
}
