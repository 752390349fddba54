/** Tests that a name has one load at a time, with a pause between two, for any number of callers and failures. */
import t from 'tap';
import { CoalescedLoads } from '../../src/limits/coalesced-loads.ts';

const BYTES = { maxBytes: 1_000, bytesOf: (value: number) => value };

/** Loads that the test ends. */
function ending() {
  const running: { resolve(value: number): void; reject(error: Error): void }[] = [];
  let most = 0;
  let count = 0;
  let now = 0;
  const load = () => {
    count += 1;
    now += 1;
    most = Math.max(most, now);
    return new Promise<number>((resolve, reject) => running.push({ resolve, reject })).finally(() => {
      now -= 1;
    });
  };
  const begun = async (n: number) => {
    while (count < n) await new Promise((resolve) => setTimeout(resolve, 1));
    return running[n - 1] as (typeof running)[number];
  };
  return { load, begun, count: () => count, most: () => most };
}

t.test('shares the next load between callers that need a later value', async (t) => {
  const loads = new CoalescedLoads<number>({ maxAgeMs: 60_000, pauseMs: 1, maxNames: 10, ...BYTES });
  const { load, begun, count, most } = ending();
  const first = loads.get('a', load);
  t.equal(loads.get('a', load), first, 'young enough, though it has not ended');
  const later = Array.from({ length: 50 }, () => loads.since(performance.now(), 'a', load));
  (await begun(1)).resolve(1);
  (await begun(2)).resolve(2);
  t.equal(await first, 1);
  t.same(new Set(await Promise.all(later)), new Set([2]));
  t.equal(await loads.get('a', load), 2);
  t.same([count(), most()], [2, 1]);
});

t.test('repeats a failed load only for later callers', async (t) => {
  const loads = new CoalescedLoads<number>({ maxAgeMs: 60_000, pauseMs: 1, maxNames: 10, ...BYTES });
  const { load, begun, count } = ending();
  const moment = performance.now();
  const refused = loads.get('a', load);
  (await begun(1)).reject(new Error('refused'));
  await t.rejects(refused, /refused/);
  await t.rejects(loads.since(moment, 'a', load), /refused/);
  t.equal(count(), 1, 'it was read after that moment');
  const again = loads.get('a', load);
  (await begun(2)).resolve(2);
  t.equal(await again, 2);
});

t.test('does not displace names in use by names that fail', async (t) => {
  const loads = new CoalescedLoads<number>({ maxAgeMs: 60_000, pauseMs: 1, maxNames: 2, ...BYTES });
  let count = 0;
  const load = async () => {
    count += 1;
    return count;
  };
  await loads.get('used', load);
  for (let n = 0; n < 20; n += 1)
    // The failure is expected.
    await loads.get(`unknown ${n}`, () => Promise.reject(new Error('no'))).catch(() => {});
  t.equal(await loads.get('used', load), 1);
});

t.test('drops the value that was not used for longest where all values together are too large', async (t) => {
  const loads = new CoalescedLoads<number>({ maxAgeMs: 60_000, pauseMs: 1, maxNames: 10, ...BYTES });
  const loaded: string[] = [];
  const get = (name: string, bytes: number) =>
    loads.get(name, async () => {
      loaded.push(name);
      return bytes;
    });
  await get('a', 400);
  await get('b', 400);
  await get('a', 400);
  await get('c', 400);
  t.same(loaded, ['a', 'b', 'c']);
  await get('a', 400);
  await get('b', 400);
  t.same(loaded, ['a', 'b', 'c', 'b']);
});
