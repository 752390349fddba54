/**
 * Deletes jobs that ended long ago, with their items and outputs. Each statement is a transaction of its own, of some 20 ms, so that
 * its locks are short.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, Row } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';
import { createPages } from '../sweeper/pages.ts';
import { PARTS, RUNS, retentionStatements as sql } from './retention-statements.ts';

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

  /** Repeats a step until it has nothing left to delete. */
  async function drain(step: () => Promise<boolean>): Promise<void> {
    while (!stopped && (await step())) await sleep(PAUSE_MS);
  }

  const moreIn = async (text: string, params: readonly (string | number)[]): Promise<boolean> => {
    const [row] = await pool.query<{ more: boolean }>(text, params);
    return row?.more ?? false;
  };

  async function remove(id: string): Promise<number> {
    for (const part of PARTS) await drain(() => moreIn(sql.rows, [part, id]));
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
    for (const { id, isGone } of page) if (isGone) await drain(() => moreIn(sql.orphans, [id, days]));
  }

  async function sweep(): Promise<void> {
    let last = await removePage(undefined);
    while (last && !stopped) last = await removePage(last);
    await removeOrphans();
    await drain(async () => (await pool.query(sql.runs, [days])).length === RUNS);
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
