import t from 'tap';
import { LONG_MS, RunTimes } from '../../src/statements/run-times.ts';

const run = (times: RunTimes, ms: number, at: number) => {
  const leaseClass = times.begin(at);
  times.ended(ms, at);
  return leaseClass;
};

t.test('a statement is long while more than 5 % of its runs of the last minute took over 250 ms', async (t) => {
  const times = new RunTimes();
  t.equal(run(times, 2, 0), 'short', 'the first is not measured yet');
  for (let n = 0; n < 18; n++) run(times, 2, n);
  run(times, LONG_MS + 1, 20);
  t.equal(run(times, 2, 21), 'short', 'one of twenty');
  run(times, LONG_MS + 1, 22);
  t.equal(run(times, 2, 23), 'long');
  for (let n = 0; n < 100; n++) run(times, 2, 31_000 + n);
  t.equal(run(times, 2, 32_000), 'short');
});

t.test('a statement that is seldom run keeps its class', async (t) => {
  const times = new RunTimes();
  run(times, 3_000, 0);
  t.equal(run(times, 3_000, 600_000), 'long');
});

t.test('before the first run has ended, all requests but the first count as long', async (t) => {
  const times = new RunTimes();
  t.same([times.begin(0), times.begin(0), times.begin(0)], ['short', 'long', 'long']);
  times.left();
  times.left();
  times.ended(1, 1);
  t.same([times.begin(2), times.begin(2)], ['short', 'short']);
});

t.test('a run that goes on for too long makes its statement long at once, for five seconds', async (t) => {
  const times = new RunTimes();
  for (let n = 0; n < 1_000; n++) run(times, 1, 0);
  times.overran(300);
  t.equal(run(times, 1, 400), 'long');
  t.equal(run(times, 1, 5_400), 'short');
});
