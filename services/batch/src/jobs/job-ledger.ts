/** Changes a job in one transaction: its plan, its window, its end. The caller publishes the returned chunks. */
import type { Priority } from '@tidemark/contracts';
import type { Pool, Transaction } from '@tidemark/db';
import { chunkStatements } from '../chunks/chunk-statements.ts';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import { itemStatements } from '../items/item-statements.ts';
import { errorColumn } from './error-column.ts';
import { nextJobState } from './job-state.ts';
import { jobStatements } from './job-statements.ts';
import type { PlannedItem } from './plan-source.ts';

/** A chunk that is marked as queued, and whose message must be published. */
export interface QueuedChunk {
  job: string;
  chunk: number;
  attempt: number;
  priority: Priority;
}

export interface JobLedger {
  /** planning → running with its chunks. Returns undefined when the job was cancelled or replanned meanwhile. */
  plan(job: string, chunks: readonly (readonly PlannedItem[])[]): Promise<QueuedChunk[] | undefined>;
  /** Opens the window of the job as far as possible, or ends the job when no chunk is open. Does nothing when it is not running. */
  advance(job: string): Promise<QueuedChunk[]>;
  /** Does the same in a transaction that has the lock of the job. */
  advanceLocked(tx: Transaction, job: string, priority: Priority): Promise<Advance>;
}

export interface Advance {
  queued: QueuedChunk[];
  /** An event to observe after the commit. */
  finished?: BatchEvent;
}

/** Number of item errors in the row of a job, which travel with every change of it. */
const SHOWN_ERRORS = 10;

export function createJobLedger(pool: Pool, window: number, observe: (event: BatchEvent) => void): JobLedger {
  async function advanceLocked(tx: Transaction, job: string, priority: Priority): Promise<Advance> {
    const rows = await tx.query(chunkStatements.openWindow, [job, window]);
    const queued = rows.map(({ chunk, attempt }) => ({ job, chunk, attempt, priority }));
    if (queued.length > 0) return { queued };
    const [open] = await tx.query<{ open: boolean }>(chunkStatements.anyOpen, [job]);
    if (open?.open) return { queued };
    const finished = await finish(tx, job);
    return finished ? { queued, finished } : { queued };
  }

  async function finish(tx: Transaction, job: string): Promise<BatchEvent | undefined> {
    const [sums] = await tx.query<{ done: number; failed: number }>(jobStatements.sums, [job]);
    const { done = 0, failed = 0 } = sums ?? {};
    const state = nextJobState('running', { type: 'finished', done });
    const error = failed > 0 ? await failuresOf(tx, job, { failed, total: done + failed }) : null;
    const ended = await tx.query(jobStatements.finish, [job, state, done, failed, error]);
    return ended.length > 0 && state ? { type: 'job.finished', job, state, done, failed } : undefined;
  }

  async function failuresOf(tx: Transaction, job: string, counts: { failed: number; total: number }): Promise<string> {
    const [first] = await tx.query(itemStatements.firstFailures, [job, SHOWN_ERRORS]);
    return errorColumn(errors.ITEMS_FAILED(counts), first?.failures);
  }

  async function advance(job: string): Promise<QueuedChunk[]> {
    const { queued, finished } = await pool.transaction(async (tx): Promise<Advance> => {
      const [locked] = await tx.query<{ priority: Priority }>(jobStatements.lockRunning, [job]);
      return locked ? advanceLocked(tx, job, locked.priority) : { queued: [] };
    });
    if (finished) observe(finished);
    return queued;
  }

  async function plan(job: string, chunks: readonly (readonly PlannedItem[])[]): Promise<QueuedChunk[] | undefined> {
    const items = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const written = await pool.transaction(async (tx) => {
      const planned = await tx.query(jobStatements.planned, [job, items]);
      if (planned.length === 0) return false;
      await tx.query(chunkStatements.insert, [job, JSON.stringify(chunks.map((items) => ({ items })))]);
      return true;
    });
    return written ? advance(job) : undefined;
  }

  return { plan, advance, advanceLocked };
}
