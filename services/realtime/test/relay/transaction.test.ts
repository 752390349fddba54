import fc from 'fast-check';
import t from 'tap';
import { allowanceOf, changeText, type RowMessage } from '../../src/relay/change-text.ts';
import { TEXT } from '../../src/relay/json-text.ts';
import type { Tuple } from '../../src/relay/pgoutput.ts';
import { TransactionEnvelopes } from '../../src/relay/transaction.ts';
import type { RelationPlan } from '../../src/relay/type-catalog.ts';

const NAMES = ['id', 'v'];
const plan = {
  relation: { oid: 7, schema: 's', table: 't', columns: NAMES.map((name) => ({ name, identity: true })) },
  key: ['id'],
  about: '"schema":"s","table":"t","key":["id"]',
  members: NAMES.map((name) => `"${name}":`),
  memberBytes: 9,
  types: NAMES.map(() => TEXT),
  inexact: NAMES.map(() => true),
  isStable: false,
} as unknown as RelationPlan;

t.test('ends envelopes at the same changes when values can no longer be rendered', async () => {
  const value = fc.integer({ min: 0, max: 90_000 }).map((length) => 'x'.repeat(length));
  const change = fc.record({ value, fails: fc.boolean(), rendered: fc.double({ min: 0, max: 3, noNaN: true }) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 60 }), (changes) => {
      const read = (isAgain: boolean) => {
        const begin = { tag: 'begin', finalLsn: 5n, committedAt: 0, xid: 1 } as const;
        const options = { epoch: 'e', begin, maxBytes: 1e9, maxPayload: 1_048_576 };
        const transaction = new TransactionEnvelopes(options);
        for (const [at, { value, fails, rendered }] of changes.entries()) {
          const message: RowMessage = { tag: 'insert', oid: 7, row: [String(at), value] };
          const json = value.repeat(Math.ceil(rendered)).slice(0, value.length * rendered);
          const found =
            isAgain && fails ? { ...message, unreadable: new Set([1]) } : { ...message, row: [String(at), json] };
          transaction.add(plan, found, allowanceOf(plan, message));
        }
        const envelopes = transaction.commit(9n).map(({ payload }) => JSON.parse(String(payload)));
        return envelopes.map((envelope) => envelope.changes.map(({ index }: { index: number }) => index));
      };
      return JSON.stringify(read(false)) === JSON.stringify(read(true));
    }),
    { numRuns: 100 },
  );
});

t.test('charges at least the bytes of a change', async () => {
  const value = fc.oneof(fc.constant(null), fc.string({ unit: 'binary', maxLength: 40 }));
  fc.assert(
    fc.property(fc.tuple(value, value), fc.tuple(value, value), (row, old) => {
      const message: RowMessage = { tag: 'update', oid: 7, row, old, key: undefined };
      const asked = (tuple: Tuple) =>
        tuple.map((text) => (typeof text === 'string' ? { text, json: JSON.stringify(text) } : text));
      const rendered: RowMessage = { ...message, row: asked(row), old: asked(old) };
      return Buffer.byteLength(changeText(plan, rendered, 4_000_000_000)) < allowanceOf(plan, message);
    }),
    { numRuns: 1_000 },
  );
});
