import t from 'tap';
import { retryAfterMs } from '../../src/items/retry-after.ts';

t.test('Retry-After is seconds or a date, and at most 15 minutes', async (t) => {
  t.equal(retryAfterMs(2), 2_000);
  t.equal(retryAfterMs(' 120 '), 120_000);
  t.equal(retryAfterMs(100_000), 900_000);
  t.equal(retryAfterMs(undefined), undefined);
  t.equal(retryAfterMs('soon'), undefined);
  t.equal(retryAfterMs('-5'), 0, 'a year in the past, as Date.parse reads it');
  const date = 'Wed, 21 Oct 2015 07:28:00 GMT';
  t.equal(retryAfterMs(date, 'Wed, 21 Oct 2015 07:27:30 GMT'), 30_000, 'by the clock of the server');
  t.equal(retryAfterMs(date, 'Wed, 21 Oct 2015 07:29:00 GMT'), 0);
  t.equal(retryAfterMs(date, 'nonsense'), 0, 'by this clock');
});
