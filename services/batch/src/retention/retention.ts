/** Deletes jobs that ended long ago, with their items and outputs, some rows at a time: no statement holds locks for long. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';

export interface RetentionOptions {
  pool: Pool;
  /** 0 keeps everything. */
  days: number;
  everyMs?: number;
  observe: (event: BatchEvent) => void;
}

const EVERY_MS = 60_000;
/** Jobs of one round; the others follow in the next one. */
const JOBS = 200;
/** A pause between the statements leaves the disk to others. */
const PAUSE_MS = 10;
/** Each takes some 10 ms for this many rows; outputs have a trigger. */
const ROWS = 500;

const EXPIRED = `
  select id from tidemark.jobs where finished_at < clock_timestamp() - $1::float8 * interval '1 day'
  order by finished_at, id limit ${JOBS}`;
/** $1: job. The bytes of outputs become orphans, which the gateway sweeps. */
const PARTS = [
  `delete from tidemark.files where id in (select id from tidemark.files where job_id = $1::uuid limit ${ROWS}) returning 1`,
  `delete from tidemark.job_items where job_id = $1::uuid and index in (
     select index from tidemark.job_items where job_id = $1::uuid order by index limit ${ROWS}) returning 1`,
  `delete from tidemark.job_chunks where job_id = $1::uuid and chunk in (
     select chunk from tidemark.job_chunks where job_id = $1::uuid order by chunk limit ${ROWS}) returning 1`,
];
/** A job that was retried meanwhile stays, without the items that are deleted already. */
const JOB = `delete from tidemark.jobs where id = $1::uuid and finished_at is not null returning 1`;
const RUNS = `
  delete from tidemark.job_schedule_runs where (schedule_id, due_at) in (
    select schedule_id, due_at from tidemark.job_schedule_runs
    where decided_at < clock_timestamp() - $1::float8 * interval '1 day' and state not in ('started', 'waiting')
    order by decided_at limit ${ROWS}) returning 1`;

export function startRetention({ pool, days, everyMs = EVERY_MS, observe }: RetentionOptions): {
  stop(): Promise<void>;
} {
  let stopped = false;
  let sweeping: Promise<void> = Promise.resolve();

  /** Repeats a statement until it deletes less than it may. */
  async function drain(text: string, param: string | number): Promise<void> {
    while (!stopped && (await pool.query(text, [param])).length === ROWS) await sleep(PAUSE_MS);
  }

  async function sweep(): Promise<void> {
    const expired = await pool.query<{ id: string }>(EXPIRED, [days]);
    let jobs = 0;
    for (const { id } of expired) {
      for (const text of PARTS) await drain(text, id);
      if (stopped) break;
      jobs += (await pool.query(JOB, [id])).length;
    }
    if (jobs > 0) observe({ type: 'jobs.deleted', jobs });
    await drain(RUNS, days);
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
