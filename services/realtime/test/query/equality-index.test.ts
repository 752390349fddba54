import { equalityKeys } from '@tidemark/query';
import fc from 'fast-check';
import t from 'tap';
import type { RowChange } from '../../src/changes/envelope.ts';
import { RowImage } from '../../src/changes/row-image.ts';
import { combinationKey, EqualityIndex, type EqualityTerm } from '../../src/query/equality-index.ts';

const KEYS = equalityKeys({ type: 'integer', deterministic: true }, { timeZone: 'UTC' });
if (!KEYS) throw new Error('integers have equality keys');

type Values = Partial<Record<'a' | 'b', number | null>>;
type Required = Partial<Record<'a' | 'b', number>>;

const value = fc.integer({ min: 0, max: 2 });
const required = fc.record({ a: value, b: value }, { requiredKeys: [] }).filter((term) => Object.keys(term).length > 0);
const entry = fc.option(fc.array(required, { maxLength: 3 }), { nil: undefined });
const row = fc.record({ a: fc.option(value), b: fc.option(value) }, { requiredKeys: [] });

function termOf(needed: Required): EqualityTerm {
  const columns = Object.keys(needed).sort() as ('a' | 'b')[];
  const constants = columns.map((column) => KEYS?.constant(String(needed[column])) ?? '');
  return {
    shape: columns.join(),
    columns,
    keys: columns.map(() => KEYS as NonNullable<typeof KEYS>),
    combinations: [combinationKey(constants)],
  };
}

/** Returns whether the row may have the values; a column that the image lacks may have any. */
const mayHave = (values: Values, needed: Required): boolean => {
  const columns = Object.keys(needed) as ('a' | 'b')[];
  const isLacking = columns.some((column) => !(column in values));
  return isLacking || columns.every((column) => values[column] === needed[column]);
};

const update = (values: Values, before: Values): RowChange => ({
  type: 'update',
  index: 0,
  row: new RowImage(JSON.stringify(values), '{}'),
  before: new RowImage(JSON.stringify(before), '{}'),
  isCut: false,
});

t.test('finds exactly the entries whose required values a row may have', async () => {
  fc.assert(
    fc.property(fc.array(entry), fc.array(entry), row, row, (kept, deleted, values, before) => {
      const index = new EqualityIndex<number>();
      const all = [...kept, ...deleted];
      for (const [n, terms] of all.entries()) index.add(n, terms?.map(termOf));
      for (const n of deleted.keys()) index.delete(kept.length + n);
      const expected = kept.flatMap((terms, n) =>
        !terms || terms.some((needed) => mayHave(values, needed) || mayHave(before, needed)) ? [n] : [],
      );
      const found = [...index.concerned([update(values, before)])].sort((a, b) => a - b);
      return JSON.stringify(found) === JSON.stringify(expected) && index.size === kept.length;
    }),
  );
});

t.test('finds every entry for a truncate, and none without changes', async (t) => {
  const index = new EqualityIndex<string>();
  index.add('some', [termOf({ a: 1 })]);
  index.add('any', undefined);
  const truncate: RowChange = { type: 'truncate', index: 0, row: undefined, before: undefined, isCut: false };
  t.strictSame([...index.concerned([truncate])].sort(), ['any', 'some']);
  t.equal(index.concerned([]).size, 0);
});
