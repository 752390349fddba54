/** Every change is fenced by attempt and worker. */
import type { WorkMessage } from '@tidemark/contracts';
import type { Pool, Row, Transaction } from '@tidemark/db';
import type { FileRegistry } from '@tidemark/files';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import type { ChunkResult } from '../items/chunk-result.ts';
import { itemStatements } from '../items/item-statements.ts';
import type { JobIdentity } from '../jobs/identity.ts';
import type { Advance, JobLedger, LockedJob, QueuedChunk } from '../jobs/job-ledger.ts';
import type { PlannedItem } from '../jobs/plan-page.ts';
import type { ChunkState } from './chunk-state.ts';
import { chunkStatements } from './chunk-statements.ts';

export interface ClaimedChunk extends WorkMessage {
  items: PlannedItem[];
  /** Number of processes that ended while they ran these items. */
  losses: number;
  kind: string;
  spec: unknown;
  /** The identity with whose rights the inputs are read. */
  identity: JobIdentity;
}

export interface ChunkLedger {
  /** 'stale': the chunk is done, claimed by another runner, or cancelled. 'lacking': its kind does not run here. */
  claim(message: WorkMessage): Promise<ClaimedChunk | 'stale' | 'lacking'>;
  /**
   * Writes the results, the next chunks of the window and possibly the end of the job, in one transaction. Returns
   * undefined, and writes nothing, when the chunk is no longer ours.
   */
  complete(chunk: WorkMessage, result: ChunkResult): Promise<QueuedChunk[] | undefined>;
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
  jobs: JobLedger;
  worker: string;
  kinds: readonly string[];
  leaseMs: number;
  maxAttempts: number;
  faultDelayMs: number;
  /** A job whose source has more pages has fewer planned chunks now. */
  onRoom: (job: string) => void;
  observe: (event: BatchEvent) => void;
}

interface LostChunk {
  state: ChunkState;
  attempt: number;
  losses: number;
  items: PlannedItem[];
}

export function createChunkLedger(options: ChunkLedgerOptions): ChunkLedger {
  const { pool, registry, jobs, worker, leaseMs, maxAttempts, observe } = options;
  const kindNames = JSON.stringify(options.kinds);

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

  async function afterLoss(tx: Transaction, { job, chunk }: WorkMessage, lost: LostChunk): Promise<void> {
    const { state, losses, items } = lost;
    if (state === 'split') {
      // The losses of a chunk are not those of each item: one that is left alone has the same number of losses to go.
      const middle = Math.ceil(items.length / 2);
      const halves = [items.slice(0, middle), items.slice(middle)].map((half) => ({ items: half, losses: 1 }));
      await tx.query(chunkStatements.insert, [job, JSON.stringify(halves)]);
    } else if (state === 'failed') {
      const { code, message, hint } = errors.ITEM_LOST({ losses, how: `chunk ${chunk} was never completed` });
      const rows = items.map(({ index, input, attempts }) => ({
        index,
        input,
        attempts,
        state,
        code,
        error: { message, hint },
      }));
      await tx.query(itemStatements.write, [job, JSON.stringify(rows)]);
    }
  }

  return {
    async claim({ job, chunk, attempt }) {
      const [row] = await pool.query(chunkStatements.claim, [job, chunk, attempt, worker, leaseMs, kindNames]);
      if (!row) {
        const [found] = await pool.query(chunkStatements.isQueued, [job, chunk, attempt]);
        return found?.queued ? 'lacking' : 'stale';
      }
      const { items, losses, kind, spec, role, claims } = row;
      return { job, chunk, attempt, items, losses, kind, spec, identity: { role, claims } };
    },

    complete: ({ job, chunk, attempt }, { done, failed, files, rows, retries }) =>
      changeLocked(job, async (tx, { owner }) => {
        const ours = await tx.query(chunkStatements.complete, [job, chunk, attempt, worker, done, failed]);
        if (ours.length === 0) return undefined;
        // The outputs of a job without an owner, such as one of a service token, belong to the owners of the inputs.
        const owned = files.map(({ item, ...file }) => ({ ...file, owner: owner ?? item.owner, jobId: job }));
        await registry.insert(tx, owned);
        if (rows.length > 0) await tx.query(itemStatements.write, [job, JSON.stringify(rows)]);
        if (retries.length > 0) {
          const chunks = retries.map(({ items, delayMs }) => ({ items, delay_ms: delayMs }));
          await tx.query(chunkStatements.insert, [job, JSON.stringify(chunks)]);
        }
        return [];
      }),

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
