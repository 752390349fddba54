import { TidemarkError } from '@tidemark/contracts';
import type { Database, Identity, Pool, Row } from '@tidemark/db';
import type { FileRegistry } from '@tidemark/files';
import { errors, isOwnError } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import type { SafeHttp } from '../http/safe-http.ts';
import type { SourceContext } from '../kinds/job-kind.ts';
import { type Kinds, kindVersions } from '../kinds/load-kinds.ts';
import type { ModelServer } from '../models/model-server.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import { readQueryPage } from '../tables/query-page.ts';
import type { JobTraces } from '../tracing/job-traces.ts';
import { errorColumn } from './error-column.ts';
import type { ExpandInputs } from './expand-inputs.ts';
import { asRoleRefused, identityOf, type JobIdentity } from './identity.ts';
import type { JobLedger, QueuedChunk } from './job-ledger.ts';
import { jobStatements } from './job-statements.ts';
import type { KindTimes } from './kind-times.ts';
import { chunkSize, cutChunks, planPage } from './plan-page.ts';
import { kindOf } from './read-spec.ts';

export interface PlannerOptions {
  pool: Pool;
  database: Database;
  kinds: Kinds;
  registry: FileRegistry;
  databaseOf: (identity: JobIdentity) => DatabaseContext;
  http: SafeHttp;
  models: ModelServer;
  expand: ExpandInputs;
  ledger: JobLedger;
  times: KindTimes;
  publish: (chunks: readonly QueuedChunk[]) => Promise<void>;
  traces: JobTraces;
  /** The source has another page. */
  onMore: (job: string) => void;
  observe: (event: BatchEvent) => void;
  threads: number;
  chunkItems: number;
  /** The planner keeps about as many chunks planned behind those on the queue. */
  window: number;
  maxItems: number;
  maxRunningJobs: number;
  roles: readonly string[];
}

interface ClaimedJob extends Row, JobIdentity {
  id: string;
  kind: string;
  spec: unknown;
  total: number;
  cursor: string | null;
  item_ms: number | null;
  trace: string | null;
  at_least: string | null;
  /** The tidemark that its first page was read at. */
  tidemark: string | null;
}

export interface Planner {
  /** Returns false when no job waits, or there is no room for one more. */
  planNext(): Promise<boolean>;
  /** Returns false when no running job needs a page. */
  planMore(job?: string): Promise<boolean>;
}

/** Reads nothing. */
const NOBODY: Identity = { role: 'tidemark_none', claims: '{}' };
const MAX_PAGE = 5_000;
/** A page reads some rows and writes some; an instance that takes longer has died. */
const PAGE_MS = 60_000;

export function createPlanner(options: PlannerOptions): Planner {
  const { pool, kinds, registry, ledger, publish, observe, chunkItems, window } = options;
  const versions = JSON.stringify(kindVersions(kinds.values()));

  async function plan(job: ClaimedJob): Promise<void> {
    const span = options.traces.plan(job);
    try {
      const items = await planTraced(job, span?.traceparent);
      span?.end({ 'tidemark.items': items });
    } catch (error) {
      span?.end(undefined, (error as Error).message);
      throw error;
    }
  }

  /** Returns the number of items that were planned. */
  async function planTraced(job: ClaimedJob, trace: string | undefined): Promise<number> {
    const startedAt = performance.now();
    const { id, cursor, total, spec } = job;
    const identity = identityOf(job, options.roles);
    const kind = kindOf(kinds, job.kind, spec);
    const itemMs = job.item_ms ?? options.times.guess(kind.name);
    const size = chunkSize(itemMs, chunkItems);
    const limit = Math.min(MAX_PAGE, size * window * 2);
    const tidemark = job.tidemark ?? (await tidemarkOf(job));
    const from = { cursor, total, limit, maxItems: options.maxItems };
    const database = options.databaseOf(job);
    const rows: SourceContext<unknown>['rows'] = (query, after, most) => readQueryPage(database, query, after, most);
    const context = {
      job: id,
      spec,
      identity,
      files: registry,
      database,
      rows,
      http: options.http,
      models: options.models,
    };
    const expand = (inputs: readonly unknown[]) => options.expand(kind, { id, spec, identity }, inputs);
    const page = await planPage(kind, context, from, expand).catch((error: unknown) => {
      throw asRoleRefused(error, job.role);
    });
    await checkQuota(id, page.items.length + page.refused.length);
    const chunks = cutChunks(page, { threads: options.threads, most: size, itemMs }, kind, spec);
    const queued = await ledger.plan(id, {
      chunks,
      refused: page.refused,
      cursor,
      nextCursor: page.nextCursor,
      tidemark,
      trace: job.tidemark === null ? trace : undefined,
    });
    if (!queued) return 0;
    const ms = performance.now() - startedAt;
    if (page.nextCursor !== null) options.onMore(id);
    observe({ type: 'job.planned', job: id, items: page.items.length, chunks: chunks.length, ms });
    await publish(queued);
    return page.items.length;
  }

  /** The inputs are read later, from the same server: at this position or past it. */
  async function tidemarkOf({ at_least }: ClaimedJob): Promise<string> {
    const wanted = at_least === null ? {} : { tidemark: at_least };
    try {
      const read = await options.database.read({ identity: NOBODY, statement: { text: 'select 1' }, ...wanted });
      return read.proven;
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.status >= 500) throw error;
      throw errors.TIDEMARK({ problem: error.message, remedy: error.hint ?? '' }, { cause: error });
    }
  }

  async function checkQuota(job: string, items: number): Promise<void> {
    const [quota] = await pool.query<{ most: number; unfinished: number }>(jobStatements.itemsQuota, [job]);
    if (quota && quota.unfinished + items > quota.most) {
      throw errors.ITEMS_QUOTA({ items, unfinished: quota.unfinished, limit: quota.most });
    }
  }

  /** The job may have one of `states` meanwhile. */
  async function planOrRefuse(job: ClaimedJob, states: readonly string[]): Promise<boolean> {
    try {
      await plan(job);
    } catch (error) {
      const problem = asJobError(error);
      if (!problem) {
        // The database or its connection failed, not the job: it is planned again once its planner counts as dead.
        observe({ type: 'job.plan_failed', job: job.id, error: error as Error });
        return false;
      }
      await pool.query(jobStatements.refuse, [JSON.stringify([job.id]), errorColumn(problem), JSON.stringify(states)]);
      observe({ type: 'job.refused', job: job.id, code: problem.code, error: error as Error });
    }
    return true;
  }

  return {
    async planNext() {
      const [job] = await pool.query<ClaimedJob>(jobStatements.claim, [options.maxRunningJobs, versions]);
      return job ? planOrRefuse(job, ['planning']) : false;
    },
    async planMore(id) {
      const params = [id ?? null, versions, window, PAGE_MS];
      const [job] = await pool.query<ClaimedJob>(jobStatements.claimPage, params);
      return job ? planOrRefuse(job, ['running', 'paused']) : false;
    },
  };
}

/**
 * Returns undefined for a temporary shortage, after which the job is planned again. The text and stack of an
 * unexpected error may contain hosts and statements, and go only to the log.
 */
function asJobError(error: unknown): TidemarkError | undefined {
  if (isOwnError(error)) return error.code === 'BATCH_PAGE_TAKEN' ? undefined : error;
  if (error instanceof TidemarkError && error.status >= 500) return undefined;
  return errors.PLANNING_FAILED(undefined, { cause: error });
}
