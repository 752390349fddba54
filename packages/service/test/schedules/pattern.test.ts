import fc from 'fast-check';
import t from 'tap';
import { readPattern } from '../../src/schedules/pattern.ts';

const EPOCH = new Date('2026-01-01T00:00:00Z');

/** Times of one pattern after an instant, as text. */
function times(pattern: string, timeZone: string, from: string, count: number): string[] {
  const read = readPattern(pattern, timeZone, EPOCH);
  const found: string[] = [];
  for (let at = new Date(from); found.length < count; ) {
    at = read.next(at)!;
    found.push(at.toISOString().replace('.000', ''));
  }
  return found;
}

t.test('a local time that does not exist fires once, at the first moment after', async (t) => {
  const night = '2026-03-28T12:00:00Z';
  t.same(times('30 2 * * *', 'Europe/Berlin', night, 2), ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']);
  t.same(times('*/20 2 * * *', 'Europe/Berlin', night, 2), ['2026-03-29T01:00:00Z', '2026-03-30T00:00:00Z']);
  t.same(times('30 2,3 * * *', 'Europe/Berlin', night, 2), ['2026-03-29T01:00:00Z', '2026-03-29T01:30:00Z']);
  t.same(times('30 2 * * *', 'America/New_York', '2026-03-08T00:00:00Z', 1), ['2026-03-08T07:00:00Z']);
  t.same(
    times('0 15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', 1),
    ['2026-10-03T15:30:00Z'],
    'half an hour',
  );
  t.same(times('0 12 30 12 *', 'Pacific/Apia', '2011-12-01T00:00:00Z', 1), ['2011-12-30T10:00:00Z'], 'a whole day');
});

t.test('a local time that occurs twice fires once', async (t) => {
  const night = '2026-10-24T12:00:00Z';
  t.same(times('30 2 * * *', 'Europe/Berlin', night, 2), ['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']);
  t.same(times('*/30 2 * * *', 'Europe/Berlin', night, 3), [
    '2026-10-25T00:00:00Z',
    '2026-10-25T00:30:00Z',
    '2026-10-26T01:00:00Z',
  ]);
  t.same(times('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:45:00Z', 1), ['2026-10-26T01:30:00Z'], 'in the first');
  t.same(times('30 2 * * *', 'Europe/Berlin', '2026-10-25T01:15:00Z', 1), ['2026-10-26T01:30:00Z'], 'in the second');
});

t.test('a pattern for every hour goes by elapsed time', async (t) => {
  const found = times('*/30 * * * *', 'Europe/Berlin', '2026-10-24T23:45:00Z', 6).map((at) => Date.parse(at));
  t.same(
    found.slice(1).map((at, n) => at - found[n]!),
    Array(5).fill(1_800_000),
  );
});

t.test('what cannot be read, or never fires, is refused with the reason', async (t) => {
  const bad = [
    ['61 * * * *', 'UTC', /minute/],
    ['', 'UTC', /cannot be used/],
    ['0 0 * * *', 'Nowhere/Else', /time ?zone/i],
    ['0 0 30 2 *', 'UTC', /never fires/],
    ['2020-01-01T00:00:00', 'UTC', /never fires/],
  ] as const;
  for (const [pattern, zone, message] of bad) {
    t.throws(() => readPattern(pattern, zone, EPOCH), { code: 'SCHEDULE_INVALID', status: 422, message }, pattern);
  }
});

t.test('the times between two instants are the successive next times', async () => {
  const patterns = ['*/7 * * * *', '30 2 * * *', '0 0 1 * *', '15 */5 * * 1-5', '*/20 2 * * *'];
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'];
  fc.assert(
    fc.property(
      fc.constantFrom(...patterns),
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 400 * 1_440 }),
      fc.integer({ min: 0, max: 5_000 }),
      fc.integer({ min: 1, max: 20 }),
      (pattern, zone, from, minutes, most) => {
        const read = readPattern(pattern, zone, EPOCH);
        const after = new Date(EPOCH.getTime() + from * 60_000);
        const until = new Date(after.getTime() + minutes * 60_000);
        const all: number[] = [];
        for (let at = read.next(after); at && at <= until; at = read.next(at)) all.push(at.getTime());
        const found = read.between(after, until, most).map((at) => at.getTime());
        return JSON.stringify(found) === JSON.stringify(all.slice(-most));
      },
    ),
    { numRuns: 150 },
  );
});
