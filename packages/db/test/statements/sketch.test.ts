import t from 'tap';
import {
  mergedBins,
  mergedQuantiles,
  quantilesOfBins,
  SlidingSketch,
  WindowedSketch,
} from '../../src/statements/sketch.ts';

const isNear = (value: number, expected: number) => Math.abs(value - expected) <= 0.03 * expected;

t.test('quantiles are within the relative error, over one sketch and over several', async (t) => {
  const [low, high] = [new SlidingSketch(0), new SlidingSketch(0)];
  for (let value = 1; value <= 500; value++) {
    low.record(value, 0);
    high.record(500 + value, 0);
  }
  t.ok(isNear(low.quantile(0.5, 0), 250));
  t.ok(isNear(low.mean, 250.5));
  const [median, p99] = mergedQuantiles([low, high], [0.5, 0.99], 0);
  t.ok(isNear(median!, 500));
  t.ok(isNear(p99!, 990));
});

t.test('quantiles of an empty sketch are 0', async (t) => {
  t.equal(new SlidingSketch().quantile(0.99), 0);
  t.equal(new SlidingSketch().mean, 0);
  t.same(mergedQuantiles([], [0.5]), [0]);
});

t.test('values leave after 30 to 60 seconds, and after a pause at once', async (t) => {
  const sketch = new SlidingSketch(0);
  sketch.record(10, 0);
  sketch.record(20, 30_000);
  t.ok(isNear(sketch.quantile(0, 59_999), 10));
  t.ok(isNear(sketch.quantile(0, 60_000), 20));
  t.equal(sketch.quantile(0, 200_000), 0);
  sketch.record(30, 200_000);
  sketch.clear();
  t.equal(sketch.count, 0);
});

t.test(
  'windows of 10 s end with the wall clock, are told for a moment, and merge to the percentiles of all values',
  async (t) => {
    const [first, second] = [new WindowedSketch(0), new WindowedSketch(0)];
    const begins = 10_000 - (performance.timeOrigin % 10_000);
    for (let value = 1; value <= 500; value++) {
      first.record(value, begins + value);
      second.record(500 + value, begins + value);
    }
    t.equal(first.window(begins + 9_999), undefined, 'it has not ended');
    const windows = [first, second].map((sketch) => sketch.window(begins + 10_001));
    t.match(windows, [{ to: Math.round(performance.timeOrigin + begins + 10_000) }, {}]);
    const [median, p99] =
      quantilesOfBins(
        windows.map((window) => window?.bins ?? []),
        [0.5, 0.99],
      ) ?? [];
    t.ok(isNear(median!, 500));
    t.ok(isNear(p99!, 990));
    t.equal(first.window(begins + 13_000), undefined, 'it is told no more');
    t.equal(first.window(begins + 20_001), undefined, 'nothing was recorded in the next one');
    t.equal(quantilesOfBins([], [0.5]), undefined);
  },
);

t.test('values out of range count as the nearest one in range', async (t) => {
  const sketch = new SlidingSketch(0);
  sketch.record(0, 0);
  sketch.record(1e12, 0);
  const keys = mergedBins([sketch], 0).filter((_, index) => index % 2 === 0);
  t.same(keys, [-172, 403]);
});
