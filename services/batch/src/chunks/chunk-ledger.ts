/** The rows of chunks, as a runner changes them. Every change is fenced by attempt and worker. */
import type { Priority, WorkMessage } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';
import type { FileRegistry, NewFile } from '@tidemark/files';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import type { JobIdentity } from '../jobs/identity.ts';
import type { Advance, JobLedger, QueuedChunk } from '../jobs/job-ledger.ts';
import { jobStatements } from '../jobs/job-statements.ts';
import type { PlannedItem } from '../jobs/plan-source.ts';
import type { ReadyItem } from '../workers/protocol.ts';
import type { ChunkState } from './chunk-state.ts';
import { chunkStatements } from './chunk-statements.ts';

export interface ClaimedChunk extends WorkMessage {
  items: PlannedItem[];
  kind: string;
  spec: unknown;
  /** Whose rights its inputs are read with. */
  identity: JobIdentity;
}

/** Beside these, the item's `input`, or its `file` and `name`. */
export interface ItemError {
  index: number;
  code: string;
  message: string;
  hint: string | null;
}

export interface ChunkResult {
  /** Items that succeeded. */
  done: number;
  files: { item: ReadyItem; path: string; file: Omit<NewFile, 'path' | 'owner' | 'jobId'> }[];
  errors: ItemError[];
}

export interface ChunkLedger {
  /** 'stale': done already, taken by another, cancelled. 'lacking': its kind does not run here. */
  claim(message: WorkMessage): Promise<ClaimedChunk | 'stale' | 'lacking'>;
  /**
   * Outputs, counts, state, the next chunks of the window, and perhaps the job's end: one transaction, or nothing.
   * Undefined when the chunk is not ours any more; then nothing was written.
   */
  complete(chunk: WorkMessage, result: ChunkResult): Promise<QueuedChunk[] | undefined>;
  /** Tried again later, or failed after the last attempt; what became of it. */
  fault(chunk: ClaimedChunk): Promise<ChunkState | undefined>;
  handBack(chunk: WorkMessage): Promise<boolean>;
  /** Renews the leases, and says which chunks are still ours. */
  renew(chunks: readonly WorkMessage[]): Promise<WorkMessage[]>;
}

export interface ChunkLedgerOptions {
  pool: Pool;
  registry: FileRegistry;
  jobs: JobLedger;
  /** Names this process in the rows; never used twice. */
  worker: string;
  /** Names of the kinds that run here. */
  kinds: readonly string[];
  leaseMs: number;
  maxAttempts: number;
  /** A fault is most often the disk's or the database's: time for it to pass. */
  faultDelayMs: number;
  observe: (event: BatchEvent) => void;
}

export function createChunkLedger(options: ChunkLedgerOptions): ChunkLedger {
  const { pool, registry, jobs, worker, leaseMs, maxAttempts, observe } = options;
  const kindNames = JSON.stringify(options.kinds);
  return {
    async claim({ job, chunk, attempt }) {
      const [row] = await pool.query(chunkStatements.claim, [job, chunk, attempt, worker, leaseMs, kindNames]);
      if (!row) {
        const [found] = await pool.query(chunkStatements.isQueued, [job, chunk, attempt]);
        return found?.queued ? 'lacking' : 'stale';
      }
      const { items, kind, spec, role, claims } = row;
      return { job, chunk, attempt, items, kind, spec, identity: { role, claims } };
    },

    async complete({ job, chunk, attempt }, result) {
      const advance = await pool.transaction(async (tx): Promise<Advance | undefined> => {
        const [locked] = await tx.query<{ priority: Priority; owner: string | null }>(jobStatements.lockRunning, [job]);
        if (!locked) return undefined;
        const counts = [result.done, result.errors.length, errorsOrNull(result.errors)];
        const ours = await tx.query(chunkStatements.complete, [job, chunk, attempt, worker, ...counts]);
        if (ours.length === 0) return undefined;
        // A job without an owner, such as one of a service token, leaves its outputs to the owners of the inputs.
        const files = result.files.map(({ item, path, file }) => {
          return { ...file, path, owner: locked.owner ?? item.owner, jobId: job };
        });
        await registry.insert(tx, files);
        return jobs.advanceLocked(tx, job, locked.priority);
      });
      if (advance?.finished) observe(advance.finished);
      return advance?.queued;
    },

    async fault({ job, chunk, attempt }) {
      const [row] = await pool.query<{ state: ChunkState }>(chunkStatements.fault, [
        ...[job, chunk, attempt, worker],
        ...[maxAttempts, gaveUp(maxAttempts), options.faultDelayMs],
      ]);
      return row?.state;
    },

    async handBack({ job, chunk, attempt }) {
      return (await pool.query(chunkStatements.handBack, [job, chunk, attempt, worker])).length > 0;
    },

    async renew(chunks) {
      return pool.query<WorkMessage>(chunkStatements.renew, [worker, leaseMs, JSON.stringify(chunks)]);
    },
  };
}

function errorsOrNull(list: ItemError[]): string | null {
  return list.length > 0 ? JSON.stringify(list) : null;
}

/** One error that stands for all items of a chunk that was given up, as `job_chunks.errors` holds them. */
export function gaveUp(attempts: number): string {
  const { code, message, hint } = errors.CHUNK_GAVE_UP({ attempts });
  return JSON.stringify([{ code, message, hint }]);
}
