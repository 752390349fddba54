import t from 'tap';
import { mergedQuantiles, SlidingSketch } from '../../src/statements/sketch.ts';

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

t.test('nothing recorded is 0', async (t) => {
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
