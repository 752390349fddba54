import fc from 'fast-check';
import t from 'tap';
import { canonicalJson, sliceArray, sliceObject } from '../src/json-slices.ts';

const spaced = fc
  .tuple(fc.jsonValue(), fc.constantFrom(0, 1, 2))
  .map(([value, indent]) => JSON.stringify(value, null, indent));

t.test('slices read back as the values they were cut from', (t) => {
  fc.assert(
    fc.property(fc.array(spaced), (texts) => {
      const values = texts.map((text) => JSON.parse(text));
      t.same(
        sliceArray(` [ ${texts.join(' ,\n')} ] `).map((text) => JSON.parse(text)),
        values,
      );
    }),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const slices = sliceObject(JSON.stringify(object, null, 1));
      for (const [key, value] of Object.entries(object)) {
        t.same(JSON.parse(slices.get(key) ?? 'missing'), JSON.parse(JSON.stringify(value)));
      }
    }),
    { numRuns: 200 },
  );
  t.end();
});

t.test('digits, escapes and brackets in texts stay as they are', (t) => {
  t.same(sliceArray('[1.50, "a,]\\"" ,{"x":[1,2]}, 12345678901234567890]'), [
    '1.50',
    '"a,]\\""',
    '{"x":[1,2]}',
    '12345678901234567890',
  ]);
  t.same(sliceArray('[]'), []);
  t.same(
    [...sliceObject('{"a" : 1.0,"a":2.0, "b,}": "\\\\"}')],
    [
      ['a', '2.0'],
      ['b,}', '"\\\\"'],
    ],
  );
  t.end();
});

t.test('the canonical text is the same for equal JSON, and numbers keep their digits', (t) => {
  t.equal(
    canonicalJson('{"b": [1, {"z": 1.0, "a": "\\u0061"}], "a": 9007199254740993 }'),
    '{"a":9007199254740993,"b":[1,{"a":"a","z":1.0}]}',
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      t.same(JSON.parse(canonicalJson(JSON.stringify(value, null, 1))), JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 200 },
  );
  t.end();
});
