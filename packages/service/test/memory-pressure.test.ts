import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { type MemoryEvent, watchMemoryPressure } from '../src/memory-pressure.ts';

const MIB = 1024 ** 2;

t.test(
  'holders give back memory when the heap is over 80 % of its limit after a full collection, and an event reports it',
  async (t) => {
    const events: MemoryEvent[] = [];
    let given = 0;
    let collections = 0;
    const pressure = watchMemoryPressure({
      holders: [{ name: 'cache', bytes: () => 5 * MIB, giveBack: () => void given++ }],
      limitBytes: 100 * MIB,
      observe: (event) => events.push(event),
      collect: async () => void collections++,
    });
    pressure.collected(79 * MIB);
    t.equal(given, 0);
    pressure.collected(81 * MIB);
    pressure.collected(90 * MIB);
    t.equal(given, 1, 'once in a while');
    t.equal(collections, 1);
    t.same(events, [
      { type: 'memory.given_back', heapBytes: 81 * MIB, limitBytes: 100 * MIB, givenBack: { cache: 5 * MIB } },
    ]);
  },
);

t.test(
  'a process that would run out of memory lives on because its cache gives back',
  { timeout: 90_000 },
  async (t) => {
    const src = (name: string) => JSON.stringify(new URL(`../src/${name}.ts`, import.meta.url).href);
    const script = `
    const { oldGenerationLimit, watchMemoryPressure } = await import(${src('memory-pressure')});
    const { watchGarbageCollection } = await import(${src('garbage-collection')});
    const { getHeapStatistics } = await import('node:v8');
    let cache = [];
    let given = 0;
    const pressure = watchMemoryPressure({
      holders: [{ name: 'cache', bytes: () => 0, giveBack: () => { cache = []; given++; } }],
      limitBytes: oldGenerationLimit(getHeapStatistics().heap_size_limit),
      observe: () => undefined,
    });
    const gc = watchGarbageCollection(pressure.collected);
    const until = Date.now() + 60_000;
    while (given === 0 && Date.now() < until) {
      cache.push(Array.from({ length: 30_000 }, (_, n) => ({ n })));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    gc.stop();
    process.stdout.write(String(given));
    process.exit(0);`;
    const child = spawn(process.execPath, [
      ...process.execArgv,
      '--max-old-space-size=300',
      '--input-type=module',
      '-e',
      script,
    ]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    const [code] = (await once(child, 'exit')) as [number];
    t.equal(code, 0);
    t.equal(output, '1');
  },
);
