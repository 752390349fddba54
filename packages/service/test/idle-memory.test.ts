import t from 'tap';
import { collectGarbage } from '../src/collect-garbage.ts';
import { watchIdleMemory } from '../src/idle-memory.ts';

const MIB = 1024 ** 2;

t.test('a process that is idle for 20 looks gives back memory, once', (t) => {
  let collections = 0;
  const memory = watchIdleMemory(() => void collections++);
  const look = (times: number, cpuPercent: number) => {
    for (let n = 0; n < times; n++) memory.look(cpuPercent);
  };
  look(19, 1);
  look(1, 50);
  look(19, 1);
  t.equal(collections, 0);
  look(1, 1);
  t.equal(collections, 1);
  look(100, 1);
  t.equal(collections, 1);
  t.end();
});

t.test('garbage that Node keeps in its heap goes back to the system', (t) => {
  const garbage = () => Array.from({ length: 500_000 }, (_, n) => ({ n })).length;
  for (let n = 0; n < 5; n++) garbage();
  const before = process.memoryUsage().heapTotal;
  collectGarbage();
  t.ok(before - process.memoryUsage().heapTotal > 8 * MIB);
  t.end();
});
