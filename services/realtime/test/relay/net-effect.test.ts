/** Tests the net effect of transactions in which two rows may have one key until the commit. */
import fc from 'fast-check';
import t from 'tap';
import type { RowMessage } from '../../src/relay/change-text.ts';
import { NetEffect } from '../../src/relay/net-effect.ts';
import type { Tuple } from '../../src/relay/pgoutput.ts';
import type { RelationPlan } from '../../src/relay/type-catalog.ts';

const plan = {
  relation: { oid: 7, columns: ['id', 'n'].map((name) => ({ name, identity: true, typeOid: 25, typeModifier: -1 })) },
  key: ['id'],
} as unknown as RelationPlan;

const insert = (row: Tuple): RowMessage => ({ tag: 'insert', oid: 7, row });
const remove = (old: Tuple): RowMessage => ({ tag: 'delete', oid: 7, old, key: undefined });
const update = (old: Tuple, row: Tuple): RowMessage => ({ tag: 'update', oid: 7, old, row, key: undefined });

function netOf(messages: readonly RowMessage[], net = new NetEffect()) {
  for (const message of messages) net.add(plan, message);
  return net.take()[0]?.messages;
}

t.test('gives a net effect that leads to the rows of any transaction when applied in order', async () => {
  const key = fc.integer({ min: 0, max: 3 }).map(String);
  const step = fc.record({ kind: fc.constantFrom('insert', 'update', 'delete'), at: fc.nat(7), key, n: key });
  fc.assert(
    fc.property(fc.uniqueArray(key), fc.array(step, { maxLength: 14 }), (keys, steps) => {
      const before: Tuple[] = keys.map((id) => [id, '0']);
      const rows = [...before];
      const messages: RowMessage[] = [];
      for (const { kind, at, key: id, n } of steps) {
        const place = rows.length === 0 ? -1 : at % rows.length;
        const old = rows[place];
        if (kind === 'insert') messages.push(insert([id, n]));
        else if (old && kind === 'delete') messages.push(remove(old));
        else if (old) messages.push(update(old, [id, n]));
        if (old && kind !== 'insert') rows.splice(place, 1);
        if (kind === 'insert' || (old && kind === 'update')) rows.push([id, n]);
      }
      // Postgres refuses the commit where two rows have one key.
      fc.pre(new Set(rows.map(([id]) => id)).size === rows.length);
      const held = new Map(before.map((row) => [row[0], row]));
      const touched = new Set<unknown>();
      for (const message of netOf(messages) ?? []) {
        const [id] = (message.tag === 'insert' ? message.row : message.old) as Tuple;
        if (touched.has(id)) return false;
        touched.add(id);
        if (message.tag === 'delete') held.delete(id);
        else held.set(id, message.row);
      }
      const sorted = (tuples: Iterable<Tuple>) => JSON.stringify([...tuples].sort());
      return sorted(held.values()) === sorted(rows);
    }),
    { numRuns: 2_000 },
  );
});

t.test('gives up a table with unknown changes, or with too many', async (t) => {
  t.equal(netOf([{ tag: 'delete', oid: 7, old: undefined, key: ['1', null] }]), undefined, 'an old row of a key alone');
  t.equal(netOf([{ ...insert(['1', undefined]), oversize: new Set([1]) }]), undefined, 'a value that was not decoded');
  t.equal(netOf([insert(['1', 'x'.repeat(2_000)])], new NetEffect(1_000)), undefined);
  const many = Array.from({ length: 1_000 }, () => [insert(['1', 'x']), remove(['1', 'x'])]).flat();
  t.same(netOf(many, new NetEffect(1_000)), [], 'what has cancelled out is not kept');
});

t.test('sends the delete first where two texts are one key for Postgres', async (t) => {
  t.same(netOf([insert(['1.00', 'b']), remove(['1.0', 'a'])]), [remove(['1.0', 'a']), insert(['1.00', 'b'])]);
});
