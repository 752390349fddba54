/** Starts the jobs of schedules. Every instance does; the lock of a schedule and the key of its runs let each time start once. */
import { TidemarkError } from '@tidemark/contracts';
import type { Pool, Row } from '@tidemark/db';
import { every, readPattern } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';
import { dueTimes } from './due-times.ts';
import { scheduleStatements as sql } from './schedule-statements.ts';
import { type Schedule, startScheduled } from './start-scheduled.ts';

export interface SchedulerOptions {
  pool: Pool;
  roles: readonly string[];
  intervalMs: number;
  /** A job has been inserted. */
  onStarted: () => void;
  observe: (event: BatchEvent) => void;
}

/** Schedules of one sweep; the others follow in the next one. */
const LIMIT = 100;

export function startScheduler({ pool, roles, intervalMs, onStarted, observe }: SchedulerOptions): {
  stop(): Promise<void>;
} {
  let stopped = false;
  let sweeping: Promise<void> = Promise.resolve();

  async function readNew(): Promise<void> {
    const rows = await pool.query<Pick<Schedule, 'id' | 'pattern' | 'time_zone' | 'now'> & Row>(sql.unread, [LIMIT]);
    for (const { id, pattern, time_zone, now } of rows) {
      let next: Date | null = null;
      let error: string | null = null;
      try {
        next = readPattern(pattern, time_zone, new Date(now)).next(new Date(now)) ?? null;
      } catch (problem) {
        error = asError(problem);
      }
      await pool.query(sql.keepNext, [id, pattern, time_zone, next, error]);
    }
  }

  /** Returns false when no schedule is due. */
  function startDue(): Promise<boolean> {
    return inTransaction(async (tx, events) => {
      const [schedule] = await tx.query<Schedule>(sql.takeDue);
      if (!schedule) return false;
      const { id, pattern, time_zone: zone, missed } = schedule;
      const now = new Date(schedule.now);
      let next: Date | null = null;
      let error: string | null = null;
      try {
        // The pattern has fired, so that this refuses only what another release of croner or of the time zones cannot read.
        const first = new Date(schedule.next_at);
        const times = dueTimes(readPattern(pattern, zone, new Date(first.getTime() - 1)), missed, first, now);
        if (times.missed) await tx.query(sql.decide, [id, times.missed, 'missed']);
        for (const dueAt of times.due) events.push(await startScheduled(tx, schedule, dueAt, roles));
        next = times.next ?? null;
        if (!next) error = OVER;
      } catch (problem) {
        if (!isInvalid(problem)) throw problem;
        error = asError(problem);
      }
      await tx.query(sql.keepNext, [id, pattern, zone, next, error]);
      return true;
    });
  }

  function startWaiting(): Promise<boolean> {
    return inTransaction(async (tx, events) => {
      const [schedule] = await tx.query<Schedule & { due_at: string }>(sql.takeWaiting);
      if (!schedule) return false;
      events.push(await startScheduled(tx, schedule, new Date(schedule.due_at), roles));
      return true;
    });
  }

  async function inTransaction(
    work: (
      tx: Parameters<Parameters<Pool['transaction']>[0]>[0],
      events: (BatchEvent | undefined)[],
    ) => Promise<boolean>,
  ): Promise<boolean> {
    const events: (BatchEvent | undefined)[] = [];
    const isDone = await pool.transaction((tx) => work(tx, events));
    for (const event of events) if (event) observe(event);
    if (events.some((event) => event?.type === 'schedule.started')) onStarted();
    return isDone;
  }

  async function sweep(): Promise<void> {
    await readNew();
    for (let n = 0; n < LIMIT && !stopped && (await startDue()); n += 1);
    for (let n = 0; n < LIMIT && !stopped && (await startWaiting()); n += 1);
  }

  const timer = every(
    'schedules',
    intervalMs,
    () => {
      sweeping = sweep();
      return sweeping;
    },
    observe,
  );
  return {
    async stop() {
      stopped = true;
      timer.stop();
      await sweeping.catch(() => {});
    },
  };
}

const OVER = JSON.stringify({ code: 'SCHEDULE_OVER', message: 'the pattern does not fire again', hint: null });

const isInvalid = (error: unknown) => error instanceof TidemarkError && error.code === 'SCHEDULE_INVALID';

function asError(problem: unknown): string {
  if (!(problem instanceof TidemarkError)) throw problem;
  const { code, message, hint } = problem;
  return JSON.stringify({ code, message, hint });
}
