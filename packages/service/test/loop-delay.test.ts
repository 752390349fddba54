import t from 'tap';
import { watchLoopDelay } from '../src/loop-delay.ts';

const block = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

t.test('a blocked event loop is reported, also when the loop was idle before', async (t) => {
  const delay = watchLoopDelay();
  t.teardown(() => delay.stop());
  await pause(50);
  delay.p99Ms();
  await pause(300);
  delay.p99Ms();
  await pause(5);
  block(200);
  await pause(5);
  t.ok(delay.p99Ms() >= 190);
});
