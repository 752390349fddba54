import fc from 'fast-check';
import t from 'tap';
import { scaleOf, tickText } from '../../src/report/drawing/scale.ts';

const amount = fc.double({ min: -1e12, max: 1e12, noNaN: true });

t.test('an axis encloses every value with a few round ticks at equal distances', async () => {
  fc.assert(
    fc.property(fc.array(amount, { maxLength: 20 }), fc.boolean(), (values, startsAtZero) => {
      const { min, max, ticks } = scaleOf(values, startsAtZero);
      const step = ticks[1]! - ticks[0]!;
      if (!(max > min) || ticks.length < 2 || ticks.length > 12) return false;
      if (startsAtZero && (min > 0 || max < 0)) return false;
      const slack = step * 1e-6;
      if (values.some((value) => value < min - slack || value > max + slack)) return false;
      return ticks.every((tick, n) => Math.abs(tick - ticks[0]! - n * step) <= slack);
    }),
  );
});

t.test('ticks are written without the digits that floating point adds', async (t) => {
  t.same(scaleOf([0, 0.3], true).ticks.map(tickText), ['0', '0.1', '0.2', '0.3']);
  t.same(scaleOf([-5, 17], false).ticks.map(tickText), ['-5', '0', '5', '10', '15', '20']);
  t.same(scaleOf([7, 7], false).ticks.map(tickText), ['0', '2', '4', '6', '8']);
  t.same(scaleOf([], true).ticks.map(tickText), ['0', '0.2', '0.4', '0.6', '0.8', '1']);
});
