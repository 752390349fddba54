/** Starts each second what a lost message should have started. Correctness depends only on this. */
import type { WorkMessage } from '@tidemark/contracts';
import type { Pool, Row } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { ChunkLedger } from '../chunks/chunk-ledger.ts';
import { chunkStatements } from '../chunks/chunk-statements.ts';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import { targetStatements } from '../fairness/target-statements.ts';
import { errorColumn } from '../jobs/error-column.ts';
import type { JobLedger, QueuedChunk } from '../jobs/job-ledger.ts';
import { jobStatements } from '../jobs/job-statements.ts';
import type { Planner } from '../jobs/planner.ts';
import type { ChunkQueue } from '../queue/chunk-queue.ts';
import { createPages, type Pages } from './pages.ts';
import type { WorkWatch } from './work-watch.ts';

export interface SweeperOptions {
  pool: Pool;
  planner: Planner;
  jobs: JobLedger;
  chunks: ChunkLedger;
  queue: ChunkQueue;
  work: WorkWatch;
  onCancelled: (job: string) => void;
  intervalMs: number;
  leaseMs: number;
  observe: (event: BatchEvent) => void;
}

export interface Sweeper {
  wake(): void;
  planPage(job: string): void;
  problem(): string | undefined;
  stop(): Promise<void>;
}

/** Rows of a page. */
const LIMIT = 200;
/** A job past its deadline ends within a second. */
const OVERDUE_MS = 400;
const PLANS = 20;
/** A planner reads and writes only some rows, so one that takes longer has ended. */
const PLANNING_MS = 60_000;
/** Three heartbeats of a kind's instances (see kind-registry.ts). */
const KIND_AWAY_MS = 60_000;
/** The limit of a target that nothing called for an hour is forgotten. */
const TARGET_MS = 60 * 60_000;
const UNFINISHED = '["queued", "planning", "running", "paused"]';
/** A change is heard a moment before its transaction is visible, so that a wake-up that finds no job looks again. */
const LOOK_AGAIN_MS = 20;
/** A publication may be under way for this long. */
const PUBLISH_MS = 5_000;

type Id = { id: string } & Row;
type LostRow = WorkMessage & { lease: string } & Row;

export function startSweeper(options: SweeperOptions): Sweeper {
  const { pool, planner, jobs, chunks, queue, work, observe } = options;
  const problems = new Map<string, string>();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  let planning: Promise<void> | undefined;
  let planAgain = false;
  let plannedTotal = 0;
  let lookAgain: NodeJS.Timeout | undefined;
  /** After an outage of Postgres the holders of leases may renew them before their chunks count as lost. */
  let failedAt = Number.NEGATIVE_INFINITY;
  const pages = { open: createPages<Id>(LIMIT), advance: createPages<Id>(LIMIT), lost: createPages<LostRow>(LIMIT) };
  const waiting = { running: createPages<Id>(LIMIT), queued: createPages<Id>(LIMIT) };
  // At most the running jobs.
  const paging = new Map<string, Promise<void>>();

  async function planWaiting(): Promise<void> {
    do {
      planAgain = false;
      for (let i = 0; i < PLANS && !stopped && (await planner.planNext()); i += 1) plannedTotal += 1;
    } while (planAgain && !stopped);
  }

  /** A call meanwhile repeats the planning. */
  function plan(): Promise<void> {
    planAgain = true;
    planning ??= step('plan', planWaiting).finally(() => {
      planning = undefined;
    });
    return planning;
  }

  async function planHeard(): Promise<void> {
    const before = plannedTotal;
    await plan();
    if (plannedTotal > before || stopped) return;
    clearTimeout(lookAgain);
    lookAgain = setTimeout(() => void plan(), LOOK_AGAIN_MS);
  }

  async function planPages(): Promise<void> {
    for (let i = 0; i < PLANS && !stopped && (await planner.planMore()); i += 1);
  }

  /** Reads pages until enough chunks are planned. A call meanwhile does nothing. */
  function planPage(job: string): void {
    if (paging.has(job)) return;
    const pages = async () => {
      while (!stopped && (await planner.planMore(job)));
    };
    const page = step('page', pages).finally(() => paging.delete(job));
    paging.set(job, page);
  }

  async function endOverdue(): Promise<void> {
    if (!work.isBusy()) return;
    const jobs = await pool.query<{ id: string }>(jobStatements.overdue, [LIMIT]);
    if (jobs.length === 0) return;
    const ids = JSON.stringify(jobs.map(({ id }) => id));
    const ended = await pool.query(jobStatements.refuse, [ids, errorColumn(errors.DEADLINE()), UNFINISHED]);
    for (const { id, state, done, failed } of ended) {
      options.onCancelled(id);
      observe({ type: 'job.finished', job: id, state, done, failed });
    }
  }

  async function replan(): Promise<void> {
    for (const { id } of await pool.query(jobStatements.replan, [PLANNING_MS, LIMIT])) {
      observe({ type: 'job.replanned', job: id });
    }
  }

  async function sayWaits(state: keyof typeof waiting): Promise<void> {
    const found = await nextPage(waiting[state], (after) =>
      pool.query<Id>(jobStatements.waiting, [state, after, LIMIT]),
    );
    if (found.length === 0) return;
    for (const { id, kind, waits } of await pool.query(jobStatements.sayWaits, [KIND_AWAY_MS, idsOf(found)])) {
      if (waits) observe({ type: 'job.waits', job: id, kind, waits });
    }
  }

  async function cancel(): Promise<void> {
    const open = await nextPage(pages.open, (after) => pool.query<Id>(chunkStatements.jobsWithOpen, [after, LIMIT]));
    if (open.length === 0) return;
    for (const { job_id, chunks: count } of await pool.query(chunkStatements.cancelEnded, [idsOf(open)])) {
      options.onCancelled(job_id);
      observe({ type: 'job.cancelled', job: job_id, chunks: count });
    }
  }

  async function takeBack(): Promise<void> {
    if (performance.now() - failedAt < options.leaseMs / 2) return;
    const { lease = null, job = null, chunk = null } = pages.lost.after() ?? {};
    const lost = await pool.query<LostRow>(chunkStatements.lost, [LIMIT, lease, job, chunk]).catch((error: unknown) => {
      failedAt = performance.now();
      throw error;
    });
    pages.lost.read(lost);
    for (const { lease: _, ...message } of lost) {
      // One that cannot be taken back does not keep the others.
      await step('take back one', async () => queue.publish(await chunks.lose(message, false)));
    }
  }

  /** A message is for any chunk, so that the numbers of both are compared. */
  async function republish(): Promise<void> {
    const params = [await queue.size(), PUBLISH_MS, LIMIT];
    const chunks = await pool.query<QueuedChunk & Row>(chunkStatements.withoutMessage, params);
    for (const { job, chunk, attempt } of chunks) observe({ type: 'chunk.republished', job, chunk, attempt });
    await queue.publish(chunks);
  }

  async function advance(): Promise<void> {
    const page = await nextPage(pages.advance, (after) => pool.query<Id>(jobStatements.toAdvance, [LIMIT, after]));
    for (const { id } of page) await step('advance one', async () => queue.publish(await jobs.advance(id)));
  }

  async function nextPage(place: Pages<Id>, read: (after: string | null) => Promise<readonly Id[]>) {
    const page = await read(place.after()?.id ?? null);
    place.read(page);
    return page;
  }

  async function step(name: string, run: () => Promise<void>): Promise<void> {
    if (stopped) return;
    try {
      await run();
      problems.delete(name);
    } catch (error) {
      problems.set(name, (error as Error).message);
      observe({ type: 'sweep.failed', step: name, error: error as Error });
    }
  }

  async function sweep(): Promise<void> {
    if (!(await work.hasWork())) return;
    await step('cancel', cancel);
    await step('take back', takeBack);
    await step('advance', advance);
    await step('republish', republish);
    await step('replan', replan);
    await step('waits', () => sayWaits('running'));
    await step('waits of queued jobs', () => sayWaits('queued'));
    await step('targets', async () => void (await pool.query(targetStatements.forget, [TARGET_MS, LIMIT])));
    await plan();
    await step('pages', planPages);
  }

  function schedule(): void {
    if (stopped) return;
    // The jitter of 20 % prevents instances from sweeping in step.
    timer = setTimeout(
      () => {
        sweeping = sweep().finally(schedule);
      },
      options.intervalMs * (0.8 + Math.random() * 0.4),
    );
  }

  const ending = every('overdue jobs', OVERDUE_MS, () => step('overdue', endOverdue), observe);
  sweeping = sweep().finally(schedule);
  return {
    wake() {
      work.heard();
      void planHeard();
    },
    planPage,
    problem: () => [...problems].map(([name, message]) => `${name}: ${message}`).join('; ') || undefined,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(lookAgain);
      ending.stop();
      await Promise.all([sweeping, planning, ...paging.values()]);
    },
  };
}

const idsOf = (rows: readonly Id[]) => JSON.stringify(rows.map(({ id }) => id));
