/** Dates and timestamps in ISO form, as `to_jsonb` and DateStyle ISO write them. */

/** Days since 1970-01-01, or ±Infinity. */
export type Days = number;
/** Microseconds since 1970-01-01T00:00:00Z (for `timestamp`, without a zone); a bigint beyond 2^53; or ±Infinity. */
export type Micros = number | bigint;

const DATE = /^(\d{4,7})-(\d{2})-(\d{2})( BC)?$/;
const TIMESTAMP =
  /^(\d{4,7})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(?:(Z)|([+-])(\d{2})(?::?(\d{2})(?::?(\d{2}))?)?)?( BC)?$/;

const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const MICROS_PER_DAY = 86_400_000_000;
/** Postgres's bounds: 4714-11-24 BC, and the last day of date and timestamp. */
const FIRST_DAY = daysFromCivil(-4713, 11, 24);
const LAST_DATE = daysFromCivil(5_874_897, 12, 31);
const LAST_TIMESTAMP_DAY = daysFromCivil(294_276, 12, 31);

export function parseDate(text: string): Days | null {
  const trimmed = text.trim();
  const match = DATE.exec(trimmed);
  if (!match) return parseInfinity(trimmed);
  const days = parseDay(match[1]!, match[2]!, match[3]!, match[4] !== undefined);
  return days === null || days > LAST_DATE ? null : days;
}

const TIME = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(?:([+-])(\d{2})(?::?(\d{2})(?::?(\d{2}))?)?)?$/;

/** Returns microseconds since midnight, up to 24:00:00. */
export function parseTime(text: string): number | null {
  const match = TIME.exec(text.trim());
  return match && match[5] === undefined ? timeMicros(match) : null;
}

export interface TimeTz {
  /** Microseconds since midnight UTC; may be below 0 or above a day. */
  readonly micros: number;
  /** Seconds east of Greenwich. */
  readonly zone: number;
}

export function parseTimeTz(text: string): TimeTz | null {
  const match = TIME.exec(text.trim());
  if (!match || match[5] === undefined) return null;
  const zone = zoneOffset(match[5], match[6]!, match[7], match[8]);
  const micros = timeMicros(match);
  return zone === null || micros === null ? null : { micros: micros - zone * 1_000_000, zone };
}

/** Orders by instant, then by zone from east to west. */
export function compareTimeTz(a: TimeTz, b: TimeTz): number {
  return a.micros === b.micros ? b.zone - a.zone : a.micros - b.micros;
}

function timeMicros(match: RegExpExecArray): number | null {
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  const micros = (hour * 3600 + minute * 60 + second) * 1_000_000 + Number((match[4] ?? '').padEnd(6, '0'));
  return minute > 59 || second > 59 || micros > MICROS_PER_DAY ? null : micros;
}

/** Treatment of a timestamp's zone: required, UTC if absent, or ignored (as Postgres does for `timestamp`). */
export type ZoneRule = 'required' | 'utc' | 'ignored';

export function parseTimestamp(text: string, zone: ZoneRule): Micros | null {
  const trimmed = text.trim();
  const match = TIMESTAMP.exec(trimmed);
  if (!match) return parseDateOnly(trimmed, zone);
  const day = parseDay(match[1]!, match[2]!, match[3]!, match[13] !== undefined);
  const hour = Number(match[4]);
  const minute = Number(match[5]);
  const second = Number(match[6] ?? 0);
  if (day === null || hour > 23 || minute > 59 || second > 59) return null;
  const hasZone = match[8] !== undefined || match[9] !== undefined;
  if (zone === 'required' && !hasZone) return null;
  let seconds = hour * 3600 + minute * 60 + second;
  if (match[9] !== undefined && zone !== 'ignored') {
    const offset = zoneOffset(match[9], match[10]!, match[11], match[12]);
    if (offset === null) return null;
    seconds -= offset;
  }
  return micros(day, seconds, Number((match[7] ?? '').padEnd(6, '0')));
}

function parseDateOnly(text: string, zone: ZoneRule): Micros | null {
  const infinity = parseInfinity(text);
  if (infinity !== null || zone === 'required') return infinity;
  const days = parseDate(text);
  return days === null ? null : micros(days, 0, 0);
}

function parseInfinity(text: string): number | null {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  return text === '-infinity' ? Number.NEGATIVE_INFINITY : null;
}

/** Returns seconds east of Greenwich. Postgres accepts offsets of less than 16 hours. */
function zoneOffset(sign: string, hours: string, minutes = '0', seconds = '0'): number | null {
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (h > 15 || m > 59 || s > 59) return null;
  return (sign === '-' ? -1 : 1) * (h * 3600 + m * 60 + s);
}

function parseDay(yearText: string, monthText: string, dayText: string, bc: boolean): Days | null {
  const [year, month, day] = [Number(yearText), Number(monthText), Number(dayText)];
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > DAYS_IN_MONTH[month - 1]!) return null;
  const astronomical = bc ? 1 - year : year;
  if (month === 2 && day === 29 && !isLeap(astronomical)) return null;
  const days = daysFromCivil(astronomical, month, day);
  return days < FIRST_DAY ? null : days;
}

function micros(day: Days, seconds: number, fraction: number): Micros | null {
  if (day > LAST_TIMESTAMP_DAY) return null;
  const rough = day * MICROS_PER_DAY + seconds * 1_000_000 + fraction;
  if (Number.isSafeInteger(rough)) return rough;
  return BigInt(day) * BigInt(MICROS_PER_DAY) + BigInt(seconds * 1_000_000 + fraction);
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

/** Howard Hinnant's days_from_civil, https://howardhinnant.github.io/date_algorithms.html */
function daysFromCivil(year: number, month: number, day: number): Days {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
