/** Cron patterns in a time zone, for the gateway that refuses wrong ones and for batch that runs jobs by them. */
import { Cron } from 'croner';
import { LRUCache } from 'lru-cache';
import { scheduleErrors } from './errors.ts';
import { instantOf, wallTime } from './wall-time.ts';

export interface SchedulePattern {
  /** The first time after `after`; undefined when the pattern never fires again. */
  next(after: Date): Date | undefined;
  /** The last `most` times after `after`, up to and including `until`, in order. */
  between(after: Date, until: Date, most: number): Date[];
}

/** A pattern takes some kilobytes. */
const MAX_PATTERNS = 1_000;
const patterns = new LRUCache<string, SchedulePattern>({ max: MAX_PATTERNS });
/** Every local time of a year that the clock skips or repeats belongs to an hour or less. */
const MAX_REPEATED = 7_200;

/**
 * A pattern for every hour goes by elapsed time. For any other, a local time that does not exist counts as the first moment
 * after, and one that occurs twice counts once: croner alone would skip most of the former.
 *
 * @throws SCHEDULE_INVALID, also when it never fires after `now`
 */
export function readPattern(pattern: string, timeZone: string, now: Date): SchedulePattern {
  const key = `${timeZone} ${pattern}`;
  let read = patterns.get(key);
  if (!read) {
    read = parse(pattern, timeZone);
    patterns.set(key, read);
  }
  if (!read.next(now)) {
    throw scheduleErrors.INVALID({ pattern, timeZone, problem: 'it never fires' });
  }
  return read;
}

function parse(pattern: string, timeZone: string): SchedulePattern {
  const isHourly = isEveryHour(pattern);
  try {
    const cron = new Cron(pattern, { timezone: isHourly ? timeZone : 'UTC', paused: true });
    wallTime(new Date(0), timeZone);
    const next = isHourly ? (after: Date) => cron.nextRun(after) ?? undefined : nextOnTheWall(cron, timeZone);
    return { next, between: (after, until, most) => between(cron, isHourly, timeZone, { after, until, most }) };
  } catch (cause) {
    throw scheduleErrors.INVALID({ pattern, timeZone, problem: (cause as Error).message }, { cause });
  }
}

/** Asks for the local times as if they were UTC, which has no gaps, and finds their instants. */
function nextOnTheWall(cron: Cron, timeZone: string): SchedulePattern['next'] {
  return (after) => {
    let wall: Date | null = wallTime(after, timeZone);
    for (let n = 0; n < MAX_REPEATED; n += 1) {
      wall = cron.nextRun(wall);
      if (!wall) return undefined;
      const instant = instantOf(wall, timeZone);
      if (instant > after) return instant;
    }
    return undefined;
  };
}

function between(
  cron: Cron,
  isHourly: boolean,
  timeZone: string,
  { after, until, most }: { after: Date; until: Date; most: number },
): Date[] {
  const times = new Map<number, Date>();
  // A second more finds a time that is `until` itself.
  let reference: Date = new Date((isHourly ? until : wallTime(until, timeZone)).getTime() + 1_000);
  for (let n = 0; n < most + MAX_REPEATED && times.size < most; n += 1) {
    const [previous] = cron.previousRuns(1, reference);
    if (!previous) break;
    reference = previous;
    const instant = isHourly ? previous : instantOf(previous, timeZone);
    if (instant <= after) break;
    if (instant <= until) times.set(instant.getTime(), instant);
  }
  return [...times.values()].sort((a, b) => a.getTime() - b.getTime());
}

/** Hours are the second of five fields; with more fields, the seconds come first, and hours are the third. */
function isEveryHour(pattern: string): boolean {
  const fields = pattern.trim().split(/\s+/);
  if (fields.length === 1) return /^@hourly$/i.test(fields[0]!);
  return /^\*(\/1)?$/.test(fields[fields.length === 5 ? 1 : 2] ?? '');
}
