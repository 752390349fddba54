import fc from 'fast-check';
import t from 'tap';
import { decodePgoutput, type PgMessage } from '../../src/relay/pgoutput.ts';

const u8 = (value: number) => Buffer.from([value]);
const i16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const i64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};
const str = (value: string) => Buffer.concat([Buffer.from(value), u8(0)]);
const tag = (value: string) => Buffer.from(value);
const tuple = (values: readonly (string | null | undefined)[]) =>
  Buffer.concat([
    i16(values.length),
    ...values.map((value) => {
      if (value === undefined) return tag('u');
      if (value === null) return tag('n');
      return Buffer.concat([tag('t'), u32(Buffer.byteLength(value)), Buffer.from(value)]);
    }),
  ]);

/** 2026-11-21T00:00:00Z in microseconds since 2000. */
const AT = (BigInt(Date.UTC(2026, 10, 21)) - 946_684_800_000n) * 1_000n;
const AT_MS = Date.UTC(2026, 10, 21);

const table: [string, Buffer, PgMessage][] = [
  [
    'begin, with an xid above 2^31',
    Buffer.concat([tag('B'), i64(0x16_b374_d848n), i64(AT), u32(4_000_000_000)]),
    { tag: 'begin', finalLsn: 0x16_b374_d848n, committedAt: AT_MS, xid: 4_000_000_000 },
  ],
  [
    'commit',
    Buffer.concat([tag('C'), u8(0), i64(16n), i64(32n), i64(AT)]),
    { tag: 'commit', commitLsn: 16n, endLsn: 32n, committedAt: AT_MS },
  ],
  [
    'relation under replica identity full',
    Buffer.concat([
      ...[tag('R'), u32(16_400), str('public'), str('t'), tag('f'), i16(2)],
      ...[u8(1), str('id'), u32(20), u32(0xffff_ffff), u8(1), str('naïve name'), u32(25), u32(0xffff_ffff)],
    ]),
    {
      tag: 'relation',
      relation: {
        oid: 16_400,
        schema: 'public',
        table: 't',
        replicaIdentity: 'f' as const,
        columns: [
          { identity: true, name: 'id', typeOid: 20, typeModifier: -1 },
          { identity: true, name: 'naïve name', typeOid: 25, typeModifier: -1 },
        ],
      },
    },
  ],
  [
    'relation of pg_catalog, whose name is left out',
    Buffer.concat([tag('R'), u32(1), str(''), str('t'), tag('n'), i16(0)]),
    {
      tag: 'relation',
      relation: { oid: 1, schema: 'pg_catalog', table: 't', replicaIdentity: 'n', columns: [] },
    },
  ],
  [
    'type',
    Buffer.concat([tag('Y'), u32(7), str('s'), str('mood')]),
    { tag: 'type', oid: 7, schema: 's', name: 'mood' },
  ],
  [
    'insert',
    Buffer.concat([tag('I'), u32(1), tag('N'), tuple(['1', null, 'ü€😀', ''])]),
    { tag: 'insert', oid: 1, row: ['1', null, 'ü€😀', ''] },
  ],
  [
    'update without an old row, a TOASTed value unchanged',
    Buffer.concat([tag('U'), u32(1), tag('N'), tuple(['1', undefined])]),
    { tag: 'update', oid: 1, key: undefined, old: undefined, row: ['1', undefined] },
  ],
  [
    'update of the key',
    Buffer.concat([tag('U'), u32(1), tag('K'), tuple(['1', null]), tag('N'), tuple(['2', 'x'])]),
    { tag: 'update', oid: 1, key: ['1', null], old: undefined, row: ['2', 'x'] },
  ],
  [
    'update with the old row',
    Buffer.concat([tag('U'), u32(1), tag('O'), tuple(['1', 'w']), tag('N'), tuple(['1', 'x'])]),
    { tag: 'update', oid: 1, key: undefined, old: ['1', 'w'], row: ['1', 'x'] },
  ],
  [
    'delete by key',
    Buffer.concat([tag('D'), u32(1), tag('K'), tuple(['1'])]),
    { tag: 'delete', oid: 1, key: ['1'], old: undefined },
  ],
  [
    'delete with the old row',
    Buffer.concat([tag('D'), u32(1), tag('O'), tuple(['1'])]),
    { tag: 'delete', oid: 1, key: undefined, old: ['1'] },
  ],
  [
    'truncate of two tables, cascading',
    Buffer.concat([tag('T'), u32(2), u8(1), u32(1), u32(2)]),
    { tag: 'truncate', oids: [1, 2], cascade: true, restartIdentity: false },
  ],
  [
    'message',
    Buffer.concat([tag('M'), u8(0), i64(64n), str('tidemark'), u32(2), tag('hi')]),
    { tag: 'message', transactional: false, lsn: 64n, prefix: 'tidemark', content: Buffer.from('hi') },
  ],
  ['origin', Buffer.concat([tag('O'), i64(9n), str('peer')]), { tag: 'origin', lsn: 9n, name: 'peer' }],
];

t.test('decodes every kind of message', async (t) => {
  for (const [name, bytes, expected] of table) t.strictSame(decodePgoutput(bytes), expected, name);
});

t.test('rejects truncated and unknown messages', async (t) => {
  for (const [name, bytes] of table) {
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.subarray(0, length);
      // The content of a message may be cut without notice by subarray; its length is checked by Postgres's framing.
      if (bytes[0] === 0x4d && length >= bytes.length - 2) continue;
      t.throws(() => decodePgoutput(cut), { code: 'RT_WAL_UNREADABLE' }, `${name}, ${length} bytes`);
    }
  }
  t.throws(() => decodePgoutput(Buffer.from('Z')), { code: 'RT_WAL_UNREADABLE' });
});

t.test('copies what it decodes from pg’s buffer', async (t) => {
  const bytes = Buffer.concat([tag('I'), u32(1), tag('N'), tuple(['text'])]);
  const decoded = decodePgoutput(bytes);
  bytes.fill(0);
  t.match(decoded, { row: ['text'] });
});

t.test('decodes any tuple as it was', async () => {
  const value = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant(null), fc.constant(undefined));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 50 }), (values) => {
      const message = decodePgoutput(Buffer.concat([tag('I'), u32(1), tag('N'), tuple(values)]));
      t.strictSame(message.tag === 'insert' && message.row, values);
    }),
    { numRuns: 200 },
  );
});
