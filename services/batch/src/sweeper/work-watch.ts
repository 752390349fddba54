/**
 * Tells by one cheap statement whether there is anything to plan, run, end or start. Without it an idle instance would run
 * some twenty statements a second that find nothing.
 */
import type { Pool } from '@tidemark/db';

/** A shorter time than the interval of the sweeps: parts that sweep at about the same time share an answer. */
const FRESH_MS = 900;
/** Interval of the queries after QUIET_AFTER_MS without work. Inserted jobs are announced, so they start at once all the same. */
const QUIET_MS = 2_900;
const QUIET_AFTER_MS = 60_000;
/** After the last work, housekeeping goes on for this time. */
const LINGER_MS = 5_000;
/** Each part runs once in this interval all the same, also for the tables that the statement does not read. */
const FULL_MS = 60_000;
const FULL_LINGER_MS = 1_300;

/** Each part is answered by a partial index. */
const HAS_WORK = `
  select exists (select from tidemark.jobs where state in ('queued', 'planning', 'running', 'paused'))
    or exists (select from tidemark.job_chunks where state in ('planned', 'queued', 'running'))
    or exists (select from tidemark.job_schedules where not paused and next_at <= clock_timestamp())
    or exists (select from tidemark.job_schedules where not paused and next_at is null and error is null)
    or exists (select from tidemark.job_schedule_runs where state = 'waiting')
    or exists (select from tidemark.job_snapshots) as found`;

export interface WorkWatch {
  /** Asks Postgres, unless it was asked a moment ago. When it cannot be asked, there may be work. */
  hasWork(): Promise<boolean>;
  /** Returns the last answer, or true where work was announced since. */
  isBusy(): boolean;
  /** Call it when work is announced. */
  heard(): void;
}

export function createWorkWatch(pool: Pool, lingerMs: number = LINGER_MS): WorkWatch {
  let heardAt = performance.now();
  let busyUntil = heardAt + lingerMs;
  let askedAt = Number.NEGATIVE_INFINITY;
  let fullAt = performance.now();
  let asking: Promise<void> | undefined;

  const isBusy = () => performance.now() < busyUntil;
  const heard = () => {
    heardAt = performance.now();
    busyUntil = heardAt + lingerMs;
  };

  async function ask(): Promise<void> {
    askedAt = performance.now();
    try {
      const [row] = await pool.query<{ found: boolean }>(HAS_WORK);
      if (row?.found) heard();
    } catch {
      // The next statement reports why Postgres does not answer.
      heard();
    }
  }

  return {
    isBusy,
    heard,
    async hasWork() {
      const now = performance.now();
      if (now - fullAt > FULL_MS) {
        fullAt = now;
        busyUntil = Math.max(busyUntil, now + FULL_LINGER_MS);
      }
      const freshMs = now - heardAt > QUIET_AFTER_MS ? QUIET_MS : FRESH_MS;
      if (now - askedAt > freshMs) {
        asking ??= ask().finally(() => {
          asking = undefined;
        });
      }
      await asking;
      return isBusy();
    },
  };
}
