import t from 'tap';
import { RowImage } from '../../src/changes/row-image.ts';

t.test('keeps the digits of numbers', async (t) => {
  const row = new RowImage('{"a":9007199254740993,"b":0.1000,"c":"x\\"y","d":[1,{"e":"}"}]}', '{}');
  t.equal(row.column('a'), '9007199254740993');
  t.equal(row.column('b'), '0.1000');
  t.strictSame({ ...row.values(['a', 'b', 'c']) }, { a: '9007199254740993', b: 0.1, c: 'x"y' });
  t.equal(row.project(['d', 'missing', 'a']), '{"d":[1,{"e":"}"}],"a":9007199254740993}');
  t.notOk(row.has(['a', 'z']));
});
