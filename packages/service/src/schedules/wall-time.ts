/** Local times of a time zone, held in a Date as if they were UTC. */
import { LRUCache } from 'lru-cache';

const MAX_ZONES = 200;
const formats = new LRUCache<string, Intl.DateTimeFormat>({ max: MAX_ZONES });
const DAY_MS = 86_400_000;

/** @throws RangeError for a time zone that Node does not know */
export function wallTime(instant: Date, timeZone: string): Date {
  return new Date(instant.getTime() + offsetMs(instant.getTime(), timeZone));
}

/** Returns the first instant of a local time that occurs twice, and the first moment after one that does not exist. */
export function instantOf(wall: Date, timeZone: string): Date {
  const time = wall.getTime();
  const before = offsetMs(time - DAY_MS, timeZone);
  const after = offsetMs(time + DAY_MS, timeZone);
  for (const offset of before >= after ? [before, after] : [after, before]) {
    if (offsetMs(time - offset, timeZone) === offset) return new Date(time - offset);
  }
  return transition(time - Math.max(before, after), time - Math.min(before, after), timeZone);
}

/** The first millisecond with another offset than at `from`. */
function transition(from: number, to: number, timeZone: string): Date {
  const before = offsetMs(from, timeZone);
  let low = from;
  let high = to;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(middle, timeZone) === before) low = middle;
    else high = middle;
  }
  return new Date(high);
}

function offsetMs(time: number, timeZone: string): number {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 0, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / 1_000) * 1_000;
}
