import { TidemarkError } from '@tidemark/contracts';
import type { Identity, Pool, Row } from '@tidemark/db';
import type { FileRegistry } from '@tidemark/files';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import type { Item } from '../workers/protocol.ts';
import { errorColumn } from './error-column.ts';
import type { JobLedger, QueuedChunk } from './job-ledger.ts';
import { jobStatements } from './job-statements.ts';
import { readSpec } from './read-spec.ts';
import { resolveInputs } from './resolve-inputs.ts';

export interface PlannerOptions {
  pool: Pool;
  registry: FileRegistry;
  ledger: JobLedger;
  publish: (chunks: readonly QueuedChunk[]) => Promise<void>;
  observe: (event: BatchEvent) => void;
  threads: number;
  chunkItems: number;
  maxItems: number;
  maxRunningJobs: number;
}

export interface Planner {
  /** Plans the next job that waits; false when there is none, or no room for one more. */
  planNext(): Promise<boolean>;
}

/** Cuts items into chunks: small enough that a small job has some for every thread, `most` at the most. */
export function cutChunks(items: readonly Item[], threads: number, most: number): Item[][] {
  const size = Math.max(1, Math.min(most, Math.ceil(items.length / (threads * 4))));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

export function createPlanner(options: PlannerOptions): Planner {
  const { pool, registry, ledger, publish, observe } = options;

  async function plan(job: Row): Promise<void> {
    const startedAt = performance.now();
    const identity: Identity = { role: job.role, claims: JSON.stringify(job.claims) };
    const spec = readSpec(job.kind, job.spec);
    const items = await resolveInputs(registry, identity, spec.input, options.maxItems).catch((error: unknown) => {
      throw isRoleRefused(error)
        ? errors.ROLE_REFUSED({ role: job.role, reason: error.message }, { cause: error })
        : error;
    });
    const chunks = cutChunks(items, options.threads, options.chunkItems);
    const queued = await ledger.plan(job.id, chunks);
    if (!queued) return;
    const ms = performance.now() - startedAt;
    observe({ type: 'job.planned', job: job.id, items: items.length, chunks: chunks.length, ms });
    await publish(queued);
  }

  return {
    async planNext() {
      const [job] = await pool.query(jobStatements.claim, [options.maxRunningJobs]);
      if (!job) return false;
      try {
        await plan(job);
      } catch (error) {
        const problem = error instanceof TidemarkError ? error : mistake(error);
        if (!isFinal(problem)) {
          // The database or its connection failed, not the job: it stays in planning until the sweeper replans it.
          observe({ type: 'job.plan_failed', job: job.id, error: problem });
          return false;
        }
        await pool.query(jobStatements.refuse, [job.id, errorColumn(problem)]);
        observe({ type: 'job.refused', job: job.id, code: problem.code });
      }
      return true;
    },
  };
}

/** SQLSTATE 42501 insufficient_privilege, 42704 and 22023: the role is not there (any more), or not ours to take. */
function isRoleRefused(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && ['42501', '42704', '22023', 'DB_ROLE_MISSING'].includes(error.code);
}

/** Not foreseen: the same job would meet it again, so it ends here, with the reason on its row. */
function mistake(cause: unknown): TidemarkError {
  return errors.PLANNING_FAILED({ reason: cause instanceof Error ? cause.message : String(cause) }, { cause });
}

/** Errors that the same job would meet again; what the database or its connection is short of passes. */
function isFinal(error: TidemarkError): boolean {
  return error.status < 500 || error.code === 'BATCH_PLANNING_FAILED';
}
