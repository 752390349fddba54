import fc from 'fast-check';
import t from 'tap';
import {
  COUNTERS,
  type Counters,
  createDeltaReader,
  entryKey,
  type Reading,
} from '../../../src/collectors/statements/deltas.ts';

const zero = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counters;
const entry = (queryid: string, calls: number, more: Partial<Reading> = {}): Reading => ({
  ...zero,
  queryid,
  userid: 10,
  dbid: 5,
  toplevel: true,
  maxMs: 1,
  since: null,
  calls,
  totalMs: calls * 2,
  ...more,
});
const reading = (entries: Reading[], resetAt = 1, evicted = 0) => ({ entries, resetAt, evicted });
const calls = ({ deltas }: { deltas: { key: string; counters: Counters }[] }) =>
  Object.fromEntries(deltas.map(({ key, counters }) => [key.split(' ')[2], counters.calls]));

t.test('counts what happened between two readings, for each server', async (t) => {
  const deltas = createDeltaReader();
  t.same(deltas.read('primary', reading([entry('a', 100)])).deltas, [], 'nobody knows when the first ones ran');
  t.same(calls(deltas.read('primary', reading([entry('a', 103), entry('b', 2)]))), { a: 3, b: 2 });
  t.same(deltas.read('replica1', reading([entry('a', 7)])).deltas, []);
  t.same(calls(deltas.read('primary', reading([entry('a', 103), entry('b', 3)]))), { b: 1 });
  t.same(calls(deltas.read('replica1', reading([entry('a', 9)]))), { a: 2 });
});

t.test('tells the entries of users, databases and nested statements apart', async (t) => {
  const all = [
    entry('a', 1),
    entry('a', 1, { userid: 11 }),
    entry('a', 1, { dbid: 6 }),
    entry('a', 1, { toplevel: false }),
  ];
  t.equal(new Set(all.map(entryKey)).size, 4);
});

t.test('an entry that was evicted and began again counts from zero', async (t) => {
  const deltas = createDeltaReader();
  deltas.read('primary', reading([entry('a', 100), entry('b', 5, { since: 1_000 })]));
  const next = deltas.read('primary', reading([entry('a', 4), entry('b', 8, { since: 2_000 })], 1, 3));
  t.same(calls(next), { a: 4, b: 8 }, 'version 17 knows it also where it has counted more than before');
  t.equal(next.evicted, 3);
  const gone = createDeltaReader();
  gone.read('primary', reading([entry('a', 100)]));
  gone.read('primary', reading([]));
  t.same(calls(gone.read('primary', reading([entry('a', 2)]))), { a: 2 });
});

t.test('a reset by somebody is recognised', async (t) => {
  const deltas = createDeltaReader();
  deltas.read('primary', reading([entry('a', 10)], 1, 50));
  const next = deltas.read('primary', reading([entry('a', 12)], 2, 1));
  t.same(calls(next), { a: 12 }, 'although it has counted more than before');
  t.match(next, { wasReset: true, evicted: 1 });
  t.match(deltas.read('primary', reading([entry('a', 12)], 2, 1)), { deltas: [], wasReset: false, evicted: 0 });
});

t.test('deltas add up to what Postgres counts, whatever is evicted, where it says since when', async () => {
  const steps = fc.array(fc.tuple(fc.nat(5), fc.boolean()), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(steps, (all) => {
      const deltas = createDeltaReader();
      deltas.read('primary', reading([]));
      let [now, since, ran, counted] = [0, 0, 0, 0];
      for (const [more, isEvicted] of all) {
        if (isEvicted) [now, since] = [0, since + 1];
        now += more;
        ran += more;
        const entries = now > 0 ? [entry('a', now, { since })] : [];
        for (const { counters } of deltas.read('primary', reading(entries)).deltas) counted += counters.calls;
      }
      return counted === ran;
    }),
  );
});
