/**
 * Deletes jobs that ended long ago, with their items and outputs. Each statement is a transaction of its own, of as many rows as
 * keep its locks short.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, Row } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';
import { createPages } from '../sweeper/pages.ts';
import { retentionStatements as sql } from './retention-statements.ts';
import { FIRST_ROWS, nextRows } from './step-size.ts';

export interface RetentionOptions {
  pool: Pool;
  /** 0 keeps everything. */
  days: number;
  everyMs?: number;
  observe: (event: BatchEvent) => void;
}

const EVERY_MS = 60_000;
const PAGE_JOBS = 200;
/** A pause between the statements leaves the disk to others. */
const PAUSE_MS = 10;

interface ExpiredJob {
  id: string;
  finished: string;
}

export function startRetention({ pool, days, everyMs = EVERY_MS, observe }: RetentionOptions): {
  stop(): Promise<void>;
} {
  let stopped = false;
  let sweeping: Promise<void> = Promise.resolve();
  const outputs = createPages<string>(PAGE_JOBS);
  /** Rows of the next step, by statement: outputs have a trigger and take longer. */
  const steps = new Map<string, number>();

  /** Repeats a statement until it deletes less than it may. */
  async function drain(text: string, param: string | number): Promise<void> {
    while (!stopped) {
      const rows = steps.get(text) ?? FIRST_ROWS;
      const startedAt = performance.now();
      const deleted = await pool.query(text, [param, rows]);
      steps.set(text, nextRows(rows, performance.now() - startedAt));
      if (deleted.length < rows) return;
      await sleep(PAUSE_MS);
    }
  }

  async function remove(id: string): Promise<number> {
    for (const text of sql.parts) await drain(text, id);
    return stopped ? 0 : (await pool.query(sql.job, [id])).length;
  }

  /** Returns the last job of a full page. One that cannot be deleted keeps no others. */
  async function removePage(after: ExpiredJob | undefined): Promise<ExpiredJob | undefined> {
    const params = [days, after?.finished ?? null, after?.id ?? null, PAGE_JOBS];
    const page = await pool.query<ExpiredJob & Row>(sql.expired, params);
    let jobs = 0;
    for (const { id } of page) {
      if (stopped) break;
      try {
        jobs += await remove(id);
      } catch (error) {
        observe({ type: 'sweep.failed', step: `retention of the job ${id}`, error: error as Error });
      }
    }
    if (jobs > 0) observe({ type: 'jobs.deleted', jobs });
    return page.length === PAGE_JOBS ? page.at(-1) : undefined;
  }

  /** Reads one page in each sweep, because orphans are rare and not urgent. */
  async function removeOrphans(): Promise<void> {
    const page = await pool.query<{ id: string; isGone: boolean }>(sql.jobsWithOutputs, [
      outputs.after() ?? null,
      PAGE_JOBS,
    ]);
    outputs.read(page.map(({ id }) => id));
    for (const { id, isGone } of page) if (isGone) await drain(sql.orphans, JSON.stringify([id, days]));
  }

  async function sweep(): Promise<void> {
    let last = await removePage(undefined);
    while (last && !stopped) last = await removePage(last);
    await removeOrphans();
    await drain(sql.runs, days);
  }

  if (days === 0) return { stop: async () => {} };
  const timer = every(
    'retention',
    everyMs,
    () => {
      sweeping = sweep();
      return sweeping;
    },
    observe,
  );
  timer.now();
  return {
    async stop() {
      stopped = true;
      timer.stop();
      await sweeping.catch(() => {});
    },
  };
}
