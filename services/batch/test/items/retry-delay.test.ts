import t from 'tap';
import { retryDelayMs } from '../../src/items/retry-delay.ts';

t.test('delays double up to a minute, with full jitter', async (t) => {
  const most = () => 1;
  t.same(
    [1, 2, 3, 7, 50].map((attempts) => retryDelayMs(attempts, undefined, most)),
    [1_000, 2_000, 4_000, 60_000, 60_000],
  );
  t.equal(
    retryDelayMs(3, undefined, () => 0),
    0,
  );
});

t.test('a kind may ask for a delay of up to 15 minutes', async (t) => {
  t.equal(retryDelayMs(1, 5_000), 5_000);
  t.equal(retryDelayMs(1, 1e9), 900_000);
});
