import { TidemarkError } from '@tidemark/contracts';
import type { Pool, Row } from '@tidemark/db';
import type { FileRegistry } from '@tidemark/files';
import { errors, isOwnError } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import type { Kinds } from '../kinds/load-kinds.ts';
import { errorColumn } from './error-column.ts';
import { asRoleRefused, identityOf, type JobIdentity } from './identity.ts';
import type { JobLedger, QueuedChunk } from './job-ledger.ts';
import { jobStatements } from './job-statements.ts';
import { type PlannedItem, planSource } from './plan-source.ts';
import { kindOf } from './read-spec.ts';

export interface PlannerOptions {
  pool: Pool;
  kinds: Kinds;
  registry: FileRegistry;
  ledger: JobLedger;
  publish: (chunks: readonly QueuedChunk[]) => Promise<void>;
  observe: (event: BatchEvent) => void;
  threads: number;
  chunkItems: number;
  maxItems: number;
  maxRunningJobs: number;
  /** The roles that a job may run as (JWT_ROLES). */
  roles: readonly string[];
}

interface ClaimedJob extends Row, JobIdentity {
  id: string;
  kind: string;
  spec: unknown;
}

export interface Planner {
  /** Plans the next queued job. Returns false when there is none, or the limit of running jobs is reached. */
  planNext(): Promise<boolean>;
}

/** Cuts items into chunks of at most `most` items, and so small that each thread gets some of a small job. */
export function cutChunks(items: readonly PlannedItem[], threads: number, most: number): PlannedItem[][] {
  const size = Math.max(1, Math.min(most, Math.ceil(items.length / (threads * 4))));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

export function createPlanner(options: PlannerOptions): Planner {
  const { pool, kinds, registry, ledger, publish, observe } = options;
  const kindNames = JSON.stringify([...kinds.keys()]);

  async function plan(job: ClaimedJob): Promise<void> {
    const startedAt = performance.now();
    const identity = identityOf(job, options.roles);
    const kind = kindOf(kinds, job.kind, job.spec);
    const context = { spec: job.spec, identity, files: registry };
    const items = await planSource(kind, context, options.maxItems).catch((error: unknown) => {
      throw asRoleRefused(error, job.role);
    });
    await checkQuota(job.id, items.length);
    const chunks = cutChunks(items, options.threads, options.chunkItems);
    const queued = await ledger.plan(job.id, chunks);
    if (!queued) return;
    const ms = performance.now() - startedAt;
    observe({ type: 'job.planned', job: job.id, items: items.length, chunks: chunks.length, ms });
    await publish(queued);
  }

  /** @throws BATCH_ITEMS_QUOTA */
  async function checkQuota(job: string, items: number): Promise<void> {
    const [quota] = await pool.query<{ most: number; unfinished: number }>(jobStatements.itemsQuota, [job]);
    if (quota && quota.unfinished + items > quota.most) {
      throw errors.ITEMS_QUOTA({ items, unfinished: quota.unfinished, limit: quota.most });
    }
  }

  return {
    async planNext() {
      const [job] = await pool.query<ClaimedJob>(jobStatements.claim, [options.maxRunningJobs, kindNames]);
      if (!job) return false;
      try {
        await plan(job);
      } catch (error) {
        const problem = asJobError(error);
        if (!problem) {
          // The database or its connection has failed, not the job, which stays in planning until the sweeper replans it.
          observe({ type: 'job.plan_failed', job: job.id, error: error as Error });
          return false;
        }
        await pool.query(jobStatements.refuse, [job.id, errorColumn(problem)]);
        observe({ type: 'job.refused', job: job.id, code: problem.code, error: error as Error });
      }
      return true;
    },
  };
}

/**
 * Returns the error for the row of the job, or undefined for a temporary shortage of the database or its connection, after which
 * the job is planned again. An unexpected error would happen again, so it ends the job; its text and stack may contain hosts,
 * files and statements, and go only to the log.
 */
function asJobError(error: unknown): TidemarkError | undefined {
  if (isOwnError(error)) return error;
  if (error instanceof TidemarkError && error.status >= 500) return undefined;
  return errors.PLANNING_FAILED(undefined, { cause: error });
}
