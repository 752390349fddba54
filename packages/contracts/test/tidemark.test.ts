import fc from 'fast-check';
import t from 'tap';
import {
  formatLsn,
  formatPosition,
  formatTidemark,
  fromSubjectToken,
  mintEpoch,
  parseLsn,
  parsePosition,
  parseTidemark,
  subjects,
  subjectToken,
} from '../src/index.ts';

const lsn = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const index = fc.integer({ min: 0, max: 0xffff_ffff });

t.test('parses positions back to the values they were formatted from', async (t) => {
  fc.assert(
    fc.property(lsn, index, (value, i) => {
      const epoch = mintEpoch();
      return (
        parseLsn(formatLsn(value)) === value &&
        parseTidemark(formatTidemark(epoch, value)).lsn === value &&
        parsePosition(formatPosition(epoch, value, i)).index === i &&
        parsePosition(formatPosition(epoch, value, i)).lsn === value
      );
    }),
  );
  t.equal(formatLsn(0x16_b374_d848n), '16/B374D848');
});

t.test('positions of one epoch sort as text, and a later epoch sorts after an earlier one', async (t) => {
  fc.assert(
    fc.property(lsn, lsn, index, index, (a, b, i, j) => {
      const byText = formatPosition('0abcdefgh', a, i) < formatPosition('0abcdefgh', b, j);
      return byText === (a < b || (a === b && i < j));
    }),
  );
  t.ok(mintEpoch(1_700_000_000_000) < mintEpoch(1_800_000_000_000));
});

t.test('a bare tidemark is the position after its whole transaction', async (t) => {
  t.same(parsePosition('0abcdefgh-0000000000000010'), { epoch: '0abcdefgh', lsn: 16n, index: 0xffff_ffff });
});

t.test('refuses malformed positions with a hint', async (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseTidemark(text);
        return /^[0-9a-z]{6,16}-[0-9A-F]{16}$/.test(text);
      } catch (error) {
        return (
          (error as { code?: string; hint?: string }).code === 'TM_INVALID_TIDEMARK' &&
          (error as { hint?: string }).hint !== null
        );
      }
    }),
  );
  t.throws(() => parseLsn('16B374D848'), { code: 'TM_INVALID_LSN' });
  t.throws(() => parsePosition('x'), { code: 'TM_INVALID_POSITION' });
});

t.test('subjectToken() makes one NATS token of any name, reversibly', async (t) => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (name) => {
      const token = subjectToken(name);
      return fromSubjectToken(token) === name && !/[\s.*>]/.test(token);
    }),
  );
  t.equal(subjects('p').changes('public', 'order items'), 'p.changes.public.order%20items');
  t.equal(subjects().streams.changes, 'CHANGES');
});
