import fc from 'fast-check';
import t from 'tap';
import { encodeParam, encodeStatement } from '../../src/sql/param.ts';
import { arrayLiteral, identifier, literal } from '../../src/sql/quote.ts';

t.test('encodes each kind of parameter as text that Postgres reads', async (t) => {
  t.equal(encodeParam(null), null);
  t.equal(encodeParam(undefined), null);
  t.equal(encodeParam('true'), 'true');
  t.equal(encodeParam(true), 'true');
  t.equal(encodeParam(1.5), '1.5');
  t.equal(encodeParam(12345678901234567890n), '12345678901234567890');
  t.equal(encodeParam(new Uint8Array([0, 255]).subarray(1)), '\\xff');
  t.equal(encodeParam(new Date(0)), '1970-01-01T00:00:00.000Z');
  t.equal(encodeParam(new Date(Date.UTC(-1, 0, 1))), '0002-01-01T00:00:00.000Z BC');
  t.equal(encodeParam({ a: [1, null] }), '{"a":[1,null]}');
  t.equal(encodeParam([1, null, ['a"b', '\\'], 'NULL']), '{"1",NULL,{"a\\"b","\\\\"},"NULL"}');
  t.equal(encodeParam([{ a: 1 }]), '{"{\\"a\\":1}"}');
  t.throws(() => encodeParam(new Date(Number.NaN)), { code: 'DB_INVALID_PARAMETER' });
});

t.test('refuses parameters and texts that would break the protocol', async (t) => {
  t.throws(() => encodeStatement({ text: 'select 1\0; drop' }), { code: 'DB_INVALID_PARAMETER' });
  t.throws(() => encodeStatement({ text: 'x', params: new Array(65_535).fill(1) }), { code: 'DB_INVALID_PARAMETER' });
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  t.throws(() => encodeStatement({ text: 'x', params: [cycle] }), { code: 'DB_INVALID_PARAMETER' });
});

t.test('quotes names and literals', async (t) => {
  t.equal(identifier('a"b'), '"a""b"');
  t.equal(literal("a'b"), "'a''b'");
  t.equal(literal("a\\'b"), " E'a\\\\''b'");
  t.equal(arrayLiteral(['a', null]), '{"a",NULL}');
  for (const name of ['', 'a\0', 'ä'.repeat(32)]) t.throws(() => identifier(name), { code: 'DB_INVALID_IDENTIFIER' });
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 20 }), (text) => {
      fc.pre(!text.includes('\0') && Buffer.byteLength(text) <= 63);
      return identifier(text).slice(1, -1).replaceAll('""', '').includes('"') === false;
    }),
  );
});
