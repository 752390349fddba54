/** Work in slices: all of it is done, in turn, and the event loop serves others in between. */
import t from 'tap';
import { MAX_SLICE_MS, TimeSlices } from '../../src/query/time-slices.ts';

function busy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function* steps(count: number, ms: number, done: () => void): Generator<void> {
  for (let n = 0; n < count; n += 1) {
    busy(ms);
    done();
    yield;
  }
}

t.test('does short work at once', async (t) => {
  const slices = new TimeSlices();
  let done = 0;
  const running = slices.run(steps(3, 0.01, () => (done += 1)));
  t.equal(done, 3, 'without waiting for the loop');
  await running;
  t.equal(slices.waiting, 0);
});

t.test('lets jobs take turns, and timers run between slices', async (t) => {
  const slices = new TimeSlices();
  const order: string[] = [];
  let turns = 0;
  let ticking = true;
  const tick = () => {
    turns += 1;
    if (ticking) setImmediate(tick);
  };
  setImmediate(tick);
  const job = (name: string) => slices.run(steps(40, 0.5, () => order.push(name)));
  const both = Promise.all([job('a'), job('b')]);
  t.ok(order.length < 80, 'the first slice ends before all is done');
  t.notOk(slices.take(0.1), 'nothing else is done at once while they wait');
  await both;
  ticking = false;
  t.equal(order.length, 80);
  t.ok(turns >= 5, `${turns} turns of the loop`);
  t.ok(order.indexOf('b') < order.lastIndexOf('a'), 'b did not wait for a');
  t.ok(slices.totalMs >= 40);
});

t.test('charges immediate work to the current slice', async (t) => {
  const slices = new TimeSlices();
  t.ok(slices.take(MAX_SLICE_MS * 0.75));
  t.notOk(slices.take(MAX_SLICE_MS * 0.75));
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(slices.take(MAX_SLICE_MS * 0.75), 'another turn of the loop is another slice');
});

t.test('ends only the work that throws', async (t) => {
  const slices = new TimeSlices();
  function* fails() {
    yield;
    throw new Error('no');
  }
  let done = 0;
  const fine = slices.run(steps(5, 0.01, () => (done += 1)));
  await t.rejects(slices.run(fails()), { message: 'no' });
  await fine;
  t.equal(done, 5);
});
