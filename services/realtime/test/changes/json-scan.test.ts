import fc from 'fast-check';
import t from 'tap';
import { elements, members } from '../../src/changes/json-scan.ts';
import { RowImage } from '../../src/changes/row-image.ts';

t.test('finds the parts of any JSON, however it is spaced', async () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom('', ' ', '\t'), (object, space) => {
      const found = [...members(JSON.stringify(object, null, space))].map(([name, text]) => [name, JSON.parse(text)]);
      const wanted = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
      t.strictSame(Object.fromEntries(found), wanted);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom('', '  '), (array, space) => {
      const found = elements(JSON.stringify(array, null, space)).map((text) => JSON.parse(text));
      t.strictSame(found, JSON.parse(JSON.stringify(array)));
    }),
  );
});

t.test('keeps the digits of numbers', async (t) => {
  const row = new RowImage('{"a":9007199254740993,"b":0.1000,"c":"x\\"y","d":[1,{"e":"}"}]}', '{}');
  t.equal(row.column('a'), '9007199254740993');
  t.equal(row.column('b'), '0.1000');
  t.strictSame({ ...row.values(['a', 'b', 'c']) }, { a: '9007199254740993', b: 0.1, c: 'x"y' });
  t.equal(row.project(['d', 'missing', 'a']), '{"d":[1,{"e":"}"}],"a":9007199254740993}');
  t.notOk(row.has(['a', 'z']));
});
