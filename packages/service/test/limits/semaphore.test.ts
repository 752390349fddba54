/** Tests that a semaphore limits concurrent calls, and that no holder waits for all calls of another. */
import fc from 'fast-check';
import t from 'tap';
import { Semaphore } from '../../src/limits/semaphore.ts';

/** Work that the test ends. */
function works() {
  const open: { holder: string; end(): void }[] = [];
  const started: string[] = [];
  const work = (holder: string) => () => {
    started.push(holder);
    return new Promise<void>((resolve) => open.push({ holder, end: resolve }));
  };
  const endOne = async () => {
    open.shift()?.end();
    // The next one begins in a later turn of the microtasks.
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { open, started, work, endOne };
}

t.test('keeps a place free from a holder with hundreds of calls, and serves others next', async (t) => {
  const semaphore = new Semaphore(4);
  const { open, started, work, endOne } = works();
  const all = Array.from({ length: 100 }, () => semaphore.run(work('greedy'), 'greedy'));
  t.same([semaphore.running, semaphore.waiting], [3, 97]);
  t.ok(semaphore.isFull('greedy'));
  t.notOk(semaphore.isFull('ann'));
  all.push(semaphore.run(work('ann'), 'ann'), semaphore.run(work('ann'), 'ann'), semaphore.run(work('bob'), 'bob'));
  t.same([semaphore.running, semaphore.waiting], [4, 99]);
  for (let n = 0; n < 4; n += 1) await endOne();
  t.ok(started.slice(0, 8).filter((name) => name !== 'greedy').length === 3, started.slice(0, 8).join());
  while (open.length > 0) await endOne();
  await Promise.all(all);
  t.same([semaphore.running, semaphore.waiting], [0, 0]);
});

t.test('runs every call, and never too many at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.constantFrom('', 'a', 'b', 'c'), { maxLength: 30 }),
      async (most, holders) => {
        const semaphore = new Semaphore(most);
        let running = 0;
        let done = 0;
        let tooMany = false;
        await Promise.all(
          holders.map((holder) =>
            semaphore.run(async () => {
              running += 1;
              tooMany ||= running > most;
              await Promise.resolve();
              running -= 1;
              done += 1;
            }, holder),
          ),
        );
        return !tooMany && done === holders.length && semaphore.running === 0 && semaphore.waiting === 0;
      },
    ),
  );
});
