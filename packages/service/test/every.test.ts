import { until } from '@tidemark/testing';
import t from 'tap';
import { every, type TaskFailed } from '../src/index.ts';

t.test('a failing task is reported once for the same reason, and keeps running', async (t) => {
  const events: TaskFailed[] = [];
  let runs = 0;
  const timer = every(
    'counting',
    1,
    () => {
      runs += 1;
      if (runs < 4) throw new Error('no descriptor');
      if (runs < 7) return Promise.reject(new Error('no space'));
      return undefined;
    },
    (event) => events.push(event),
  );
  t.teardown(timer.stop);
  await until(() => runs > 8);
  t.match(events, [
    { type: 'task.failed', task: 'counting', error: { message: 'no descriptor' } },
    { type: 'task.failed', task: 'counting', error: { message: 'no space' } },
  ]);
  t.equal(events.length, 2);
});

t.test('a slow task never runs twice at a time, and an exception of the observer stops nothing', async (t) => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const timer = every(
    'slow',
    1,
    async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running -= 1;
      runs += 1;
      throw new Error(`failure ${runs}`);
    },
    () => {
      throw new Error('the log is full');
    },
  );
  t.teardown(timer.stop);
  await until(() => runs > 3);
  t.equal(most, 1);
});
