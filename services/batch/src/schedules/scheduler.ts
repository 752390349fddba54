/** Starts the jobs of schedules. Every instance does; the lock of a schedule and the key of its runs let each time start once. */
import { TidemarkError } from '@tidemark/contracts';
import type { Pool, Row, Transaction } from '@tidemark/db';
import { every, readPattern } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';
import type { WorkWatch } from '../sweeper/work-watch.ts';
import { dueTimes } from './due-times.ts';
import { scheduleStatements as sql } from './schedule-statements.ts';
import { type Schedule, startScheduled } from './start-scheduled.ts';

export interface SchedulerOptions {
  pool: Pool;
  roles: readonly string[];
  work: WorkWatch;
  intervalMs: number;
  /** A job has been inserted. */
  onStarted: () => void;
  observe: (event: BatchEvent) => void;
}

/** The place of a schedule in the order of a sweep. */
interface Taken {
  key: string;
  id: string;
}

/** Schedules of one sweep; the others follow in the next one. */
const LIMIT = 100;

export function startScheduler({ pool, roles, work, intervalMs, onStarted, observe }: SchedulerOptions): {
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

  function startDue(after: Taken | undefined): Promise<Taken | undefined> {
    return inTransaction(after, sql.takeDue, async (tx, schedule: Schedule, events) => {
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
    });
  }

  function startWaiting(after: Taken | undefined): Promise<Taken | undefined> {
    return inTransaction(after, sql.takeWaiting, async (tx, schedule: Schedule & { due_at: string }, events) => {
      events.push(await startScheduled(tx, schedule, new Date(schedule.due_at), roles));
    });
  }

  /** Returns the schedule that it took, also when the work failed: one that cannot start keeps no others. */
  async function inTransaction<S extends Schedule>(
    after: Taken | undefined,
    take: string,
    work: (tx: Transaction, schedule: S, events: (BatchEvent | undefined)[]) => Promise<void>,
  ): Promise<Taken | undefined> {
    const events: (BatchEvent | undefined)[] = [];
    let taken: Taken | undefined;
    try {
      await pool.transaction(async (tx) => {
        const [schedule] = await tx.query<S & Taken>(take, [after?.key ?? null, after?.id ?? null]);
        taken = schedule && { key: schedule.key, id: schedule.id };
        if (schedule) await work(tx, schedule, events);
      });
    } catch (error) {
      if (!taken) throw error;
      observe({ type: 'sweep.failed', step: `schedule ${taken.id}`, error: error as Error });
      return taken;
    }
    for (const event of events) if (event) observe(event);
    if (events.some((event) => event?.type === 'schedule.started')) onStarted();
    return taken;
  }

  async function startAll(start: typeof startDue): Promise<void> {
    let last: Taken | undefined;
    for (let n = 0; n < LIMIT && !stopped; n += 1) {
      last = await start(last);
      if (!last) return;
    }
  }

  async function sweep(): Promise<void> {
    if (!(await work.hasWork())) return;
    await readNew();
    await startAll(startDue);
    await startAll(startWaiting);
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
