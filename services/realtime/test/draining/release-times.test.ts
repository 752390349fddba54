/** Tests the times at which clients are released. */
import fc from 'fast-check';
import t from 'tap';
import { releaseTimes } from '../../src/draining/release-times.ts';

t.test('releases a few clients soon, and many over the whole time', async (t) => {
  t.same(releaseTimes(0, 3_000), []);
  t.same(releaseTimes(1, 3_000), [0]);
  t.same(releaseTimes(3, 3_000), [0, 10, 20], 'a hundred a second are no load');
  t.same(releaseTimes(4, 0), [0, 0, 0, 0], 'no time: all at once');
  t.equal(releaseTimes(20_000, 3_000).at(-1), 2_999);
});

t.test('releases clients in order, evenly and within the time', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 60_000 }), (count, overMs) => {
      const times = releaseTimes(count, overMs);
      const perMs = new Map<number, number>();
      for (const time of times) perMs.set(time, (perMs.get(time) ?? 0) + 1);
      const share = overMs === 0 ? count : Math.max(1, Math.ceil(count / overMs));
      return (
        times.length === count &&
        times[0] === 0 &&
        times.every((time, n) => time >= (times[n - 1] ?? 0) && time <= overMs) &&
        Math.max(...perMs.values()) <= share + 1
      );
    }),
  );
});
