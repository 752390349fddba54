import fc from 'fast-check';
import t from 'tap';
import { parseExactly, quoteRounded } from '../src/live/exact-numbers.ts';
import { rowKey } from '../src/live/row-key.ts';
import { Rows } from '../src/live/rows.ts';

t.test('a number that JavaScript would round is a string, any other is a number', async (t) => {
  for (const [text, value] of [
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992],
    ['9007199254740993', '9007199254740993'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['1152921504606847000', 1152921504606847000],
    ['0.30000000000000004', 0.30000000000000004],
    ['0.1234567890123456789', '0.1234567890123456789'],
    ['123456789.123456789', '123456789.123456789'],
    ['100000000000000000000000000000000', 1e32],
    ['0.0000000000000000000000000001', 1e-28],
    ['1.50000000000000000000', 1.5],
    ['12345678901234567891e3', '12345678901234567891e3'],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    [`1${'0'.repeat(400)}`, `1${'0'.repeat(400)}`],
  ] as const) {
    t.equal(parseExactly(text), value, text);
    t.same(parseExactly(`{"a":[${text} ,{"b":${text}}],"c":"${text}"}`), { a: [value, { b: value }], c: text });
  }
  const inStrings = '{"12345678901234567":"\\\\","a":"\\"12345678901234567\\\\\\"","b":[]}';
  t.equal(quoteRounded(inStrings), inStrings);
  t.throws(() => parseExactly('{"a":12345678901234567'), SyntaxError);
});

t.test('for any JSON, only long numbers differ from JSON.parse', async () => {
  const number = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  const json = fc.jsonValue().map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(
      fc.oneof(
        json,
        number.map((value) => JSON.stringify(value)),
      ),
      (text) => {
        const read = JSON.stringify(parseExactly(text));
        return read === JSON.stringify(JSON.parse(text));
      },
    ),
  );
  const big = fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n });
  fc.assert(fc.property(big, (value) => BigInt(parseExactly(`[${value}]`) as never) === value));
});

t.test('two keys that a double rounds to the same number are two rows', async (t) => {
  const rows = new Rows(['id']);
  for (const text of ['{"id":9007199254740992,"v":1}', '{"id":9007199254740993,"v":2}'])
    rows.add(parseExactly(text) as never);
  t.same(rows.toArray(), [
    { id: 9007199254740992, v: 1 },
    { id: '9007199254740993', v: 2 },
  ]);
  rows.apply([{ type: 'delete', old: parseExactly('{"id":9007199254740993}') as never }]);
  t.same(rows.toArray(), [{ id: 9007199254740992, v: 1 }]);
});

t.test('a row without a key is identified by its content, whatever the order of its members', async (t) => {
  t.equal(
    rowKey({ a: 1, b: { x: [1, { y: null, z: 'q' }] } }, []),
    rowKey({ b: { x: [1, { z: 'q', y: null }] }, a: 1 }, []),
  );
  t.not(rowKey({ a: [1, 2] }, []), rowKey({ a: [2, 1] }, []));
  t.equal(rowKey(JSON.parse('{"__proto__":1,"a":2}'), ['__proto__']), '[1]');
  const rows = new Rows();
  rows.add({ a: 1, b: 2 });
  rows.add({ b: 2, a: 1 });
  rows.apply([{ type: 'delete', old: { b: 2, a: 1 } }]);
  t.same(rows.toArray(), [{ a: 1, b: 2 }]);
});
