import type { SchedulePattern } from '@tidemark/service';

export type Missed = 'skip' | 'once' | 'all';

export interface DueTimes {
  /** A job starts for each, in order. */
  due: Date[];
  /** The last time for which none starts, because no instance ran then. */
  missed: Date | undefined;
  next: Date | undefined;
}

/** A time is missed when it is older than this; an instance that starts again takes some seconds. */
const MISSED_MS = 15_000;
const MAX_MADE_UP = 100;

/** @param first the first time that has not been decided, at or before `now` */
export function dueTimes(pattern: SchedulePattern, missed: Missed, first: Date, now: Date): DueTimes {
  // Twice as many tell whether there was one before those that are made up.
  const times = pattern.between(new Date(first.getTime() - 1), now, 2 * MAX_MADE_UP);
  const timely = times.filter((at) => now.getTime() - at.getTime() <= MISSED_MS);
  const late = times.slice(0, times.length - timely.length);
  const madeUp =
    missed === 'all' ? late.slice(-MAX_MADE_UP) : missed === 'once' && timely.length === 0 ? late.slice(-1) : [];
  return {
    due: [...madeUp, ...timely.slice(-MAX_MADE_UP)],
    missed: late[late.length - madeUp.length - 1],
    next: pattern.next(now),
  };
}
