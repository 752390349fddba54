import t from 'tap';
import { median, percentile } from '../src/measuring/statistics.ts';

t.test('median returns the mean of the middle values of an even count', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 3, 2]), 2.5);
  t.ok(Number.isNaN(median([])));
});

t.test('percentile returns the value below which the share of the others lies', async (t) => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  t.equal(percentile(values, 0.5), 51);
  t.equal(percentile(values, 0.99), 100);
  t.equal(percentile(values, 1), 100);
  t.ok(Number.isNaN(percentile([], 0.5)));
});
