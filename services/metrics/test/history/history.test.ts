import fc from 'fast-check';
import t from 'tap';
import { createHistory } from '../../src/history/history.ts';

const samples = (entries: Record<string, number>) => new Map(Object.entries(entries));

t.test('keeps the last ticks, with null for missing values', async (t) => {
  const history = createHistory({ ticks: 3, maxBytes: 1_000 });
  history.tick(1_000, samples({ a: 1 }));
  history.tick(2_000, samples({ b: 2.00049 }));
  t.same(history.read(['*'], 60), { at: [1_000, 2_000], series: { a: [1, null], b: [null, 2] }, missing: [] });
  history.tick(3_000, samples({ a: 3 }));
  history.tick(4_000, samples({ a: Number.NaN }));
  t.same(history.read(['a', 'c', 'd*'], 60), {
    at: [2_000, 3_000, 4_000],
    series: { a: [null, 3, null] },
    missing: ['c', 'd*'],
  });
  t.same(history.read(['a'], 2).at, [3_000, 4_000]);
});

t.test('drops a series without a value in the whole ring, and refuses one beyond maxBytes', async (t) => {
  const history = createHistory({ ticks: 2, maxBytes: 2 * 2 * 4 });
  history.tick(1_000, samples({ a: 1, b: 1, c: 1 }));
  t.same(history.names(), ['a', 'b']);
  t.equal(history.refusedTotal(), 1);
  history.tick(2_000, samples({ b: 1 }));
  history.tick(3_000, samples({ b: 1, c: 1 }));
  t.same(history.names(), ['b', 'c']);
  t.equal(history.bytes(), 2 * (2 * 4 + 8));
});

t.test('returns the same values as a plain list of the ticks', async () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const tick = fc.dictionary(name, fc.integer({ min: 0, max: 9 }));
  fc.assert(
    fc.property(fc.array(tick, { maxLength: 30 }), fc.integer({ min: 1, max: 8 }), (ticks, kept) => {
      const history = createHistory({ ticks: kept, maxBytes: 1e6 });
      ticks.forEach((values, index) => {
        history.tick((index + 1) * 1_000, samples(values));
      });
      const last = ticks.slice(-kept);
      const { at, series } = history.read(['*'], 1_000);
      if (at.length !== last.length) return false;
      return ['a', 'b', 'c'].every((key) => {
        const values = series[key] ?? last.map(() => null);
        return values.every((value, index) => value === (last[index]?.[key] ?? null));
      });
    }),
  );
});
