import t from 'tap';
import { closedLoop, openLoop, repeat } from '../src/measuring/loops.ts';
import { pause, until } from '../src/measuring/waiting.ts';

t.test('a loop runs until it is stopped, and stop() throws the error of a step', async (t) => {
  let steps = 0;
  const loop = repeat(async () => {
    steps += 1;
    await pause(1);
  });
  await until('some steps', () => steps > 3);
  await loop.stop();
  const before = steps;
  await pause(10);
  t.equal(steps, before);
  const failing = repeat(() => Promise.reject(new TypeError('broken')));
  await pause(5);
  await t.rejects(failing.stop(), { message: 'broken' });
});

t.test('a closed loop does not count calls that return false', async (t) => {
  let calls = 0;
  const result = await closedLoop(4, 30, async () => {
    await pause(1);
    calls += 1;
    return calls % 2 === 0;
  });
  t.ok(result.calls > 0 && result.calls <= calls / 2 + 1);
  t.ok(result.perSecond > 0);
});

t.test('an open loop makes the calls of its rate without waiting for them', async (t) => {
  const due: number[] = [];
  await openLoop(1_000, 50, (n, dueAt) => {
    t.equal(n, due.length);
    due.push(dueAt);
  });
  t.equal(due.length, 50);
  t.equal(Math.round((due.at(-1) as number) - (due[0] as number)), 49);
});

t.test('until reports what it waited for, with the last error of the condition', async (t) => {
  const failing = until(
    () => 'a thing',
    () => Promise.reject(new TypeError('away')),
    20,
  );
  await t.rejects(failing, { code: 'BENCH_NOT_WITHIN', message: /a thing/, cause: { message: 'away' } });
});
