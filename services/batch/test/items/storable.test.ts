import fc from 'fast-check';
import t from 'tap';
import { MAX_VALUE_BYTES, toStorable } from '../../src/items/storable.ts';
import { openBatchStack } from '../batch-stack.ts';

t.test('refuses what Postgres cannot store or JSON would change', async (t) => {
  const circular: { self?: unknown } = {};
  circular.self = circular;
  const deep = JSON.parse('['.repeat(200) + ']'.repeat(200));
  for (const [value, problem] of [
    ['a\0b', /U\+0000/],
    [{ 'a\0': 1 }, /U\+0000/],
    [['\udc00'], /surrogate/],
    [{ a: [Number.NaN] }, /NaN/],
    [Number.NEGATIVE_INFINITY, /Infinity/],
    [10n, /BigInt/],
    [{ f: () => 1 }, /function/],
    [circular, /circular/],
    [deep, /levels/],
    ['x'.repeat(MAX_VALUE_BYTES), /bytes/],
  ] as const) {
    t.match(toStorable(value), { problem });
  }
});

t.test('Postgres stores every value that it accepts', async () => {
  const { query } = await openBatchStack(t);
  await fc.assert(
    fc.asyncProperty(fc.anything({ withNullPrototype: false, maxDepth: 4 }), async (value) => {
      const checked = toStorable(value);
      if ('problem' in checked) return;
      await query('select $1::jsonb', [checked.json]);
    }),
    { numRuns: 200 },
  );
});
