import t from 'tap';
import { collectGarbage } from '../src/collect-garbage.ts';
import { watchIdleMemory } from '../src/idle-memory.ts';

const MIB = 1024 ** 2;

t.test('a process that is idle for 20 looks gives back memory, once', async (t) => {
  let collections = 0;
  const memory = watchIdleMemory(async () => void collections++);
  const look = async (times: number, cpuPercent: number) => {
    for (let n = 0; n < times; n++) await memory.look(cpuPercent);
  };
  await look(19, 1);
  await look(1, 50);
  await look(19, 1);
  t.equal(collections, 0);
  await look(1, 1);
  t.equal(collections, 1);
  await look(100, 1);
  t.equal(collections, 1);
});

t.test('the young generation of an idle process does not grow, until it is busy', async (t) => {
  const grows: boolean[] = [];
  const memory = watchIdleMemory(
    async () => undefined,
    (isIdle) => void grows.push(!isIdle),
  );
  for (let n = 0; n < 25; n++) await memory.look(1);
  t.equal(memory.isIdle, true);
  await memory.look(50);
  t.equal(memory.isIdle, false);
  t.same(grows, [false, true]);
});

t.test('garbage that Node keeps in its heap goes back to the system', async (t) => {
  const fill = () => Array.from({ length: 1_000_000 }, (_, n) => ({ n })).length;
  t.equal(fill(), 1_000_000);
  t.ok((await collectGarbage()) > 8 * MIB);
});
