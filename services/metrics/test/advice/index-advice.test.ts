import t from 'tap';
import { type AdviceInputs, adviseIndexes } from '../../src/advice/index-advice.ts';
import type { IndexStats } from '../../src/collectors/postgres-indexes.ts';
import type { TableStats } from '../../src/collectors/postgres-tables.ts';

const NOW = 1_000 * 86_400_000;
const hours = (n: number) => NOW - n * 3_600_000;

const index = (name: string, definition: string, changes: Partial<IndexStats> = {}): IndexStats => ({
  schema: 'public',
  table: 'orders',
  index: name,
  method: 'btree',
  definition: `CREATE INDEX ${name} ON public.orders USING ${definition}`,
  unique: false,
  primary: false,
  required: false,
  valid: true,
  bytes: 8_192,
  why: null,
  scans: 5,
  ...changes,
});
const server = (name: string, since: number, scans: Record<string, number>) => ({
  server: name,
  since,
  scans: new Map(Object.entries(scans).map(([key, value]) => [`public.${key}`, value])),
});
const table = { schema: 'public', table: 'orders', inserts: 4_000, updates: 600, hotUpdates: 400 } as TableStats;
const advise = (changes: Partial<AdviceInputs>) =>
  adviseIndexes({ indexes: [], tables: [table], servers: [], unread: 0, now: NOW, ...changes });
const found = (changes: Partial<AdviceInputs>) => advise(changes).advice.map(({ kind, index }) => `${kind} ${index}`);

t.test('an index that no server has read for a day is unused, with what it costs and how to get it back', async (t) => {
  const indexes = [index('lone', 'btree (note)', { bytes: 1e6 }), index('read_there', 'btree (customer)')];
  const servers = [
    server('the primary', hours(48), { lone: 0, read_there: 0 }),
    server('replica1', hours(30), { lone: 0, read_there: 9 }),
  ];
  const { advice, why } = advise({ indexes, servers });
  t.equal(why, null);
  t.match(advice, [
    {
      key: 'unused public.lone',
      message: 'the index lone of public.orders: no statement has read it in 30 h, on the primary and 1 replicas',
      bytes: 1e6,
      writesPerDay: 2_100,
      do: [{ sql: 'drop index concurrently "public"."lone"' }],
      undo: 'CREATE INDEX CONCURRENTLY lone ON public.orders USING btree (note)',
    },
  ]);
  t.equal(advice.length, 1, 'an index that a replica reads stays');
});

t.test('without a day of statistics everywhere nothing is called unused', async (t) => {
  const indexes = [index('lone', 'btree (note)')];
  const young = [server('the primary', hours(48), { lone: 0 }), server('replica1', hours(2), { lone: 0 })];
  t.match(advise({ indexes, servers: young }), { advice: [], why: /of replica1 are of 2\.0 h; 24 h are the least/ });
  const servers = [server('the primary', hours(48), { lone: 0 })];
  t.match(advise({ indexes, servers, unread: 1 }), { advice: [], why: /1 replicas are not read/ });
  t.same(
    found({ indexes, servers: [...servers, server('replica1', hours(48), {})] }),
    [],
    'a replica that lacks it yet',
  );
});

t.test('constraints, replica identities, and unique indexes are never called unused', async (t) => {
  const indexes = [
    index('orders_pkey', 'btree (id)', { primary: true, required: true, unique: true }),
    index('identity', 'btree (id2)', { required: true }),
    index('single', 'btree (id3)', { unique: true }),
  ];
  const servers = [server('the primary', hours(48), { orders_pkey: 0, identity: 0, single: 0 })];
  t.same(found({ indexes, servers }), []);
});

t.test('duplicates have the same method, columns, operator classes, collations, INCLUDE and WHERE', async (t) => {
  const other = [
    'btree (note text_pattern_ops)',
    'btree (note COLLATE "C")',
    'btree (note) INCLUDE (id)',
    'btree (note) WHERE (id > 10)',
    'btree (note DESC)',
    'hash (note)',
  ];
  const indexes = [
    index('a', 'btree (note)'),
    index('b', 'btree (note)', { scans: 0 }),
    index('orders_note_key', 'btree (note)', { required: true, unique: true }),
    index('own', 'btree (note)', { unique: true, scans: 900 }),
    ...other.map((definition, n) => index(`other_${n}`, definition)),
  ];
  t.same(found({ indexes }).sort(), ['duplicate a', 'duplicate b', 'duplicate own'], 'the constraint stays');
  const unique = [index('plain', 'btree (note)', { scans: 900 }), index('only', 'btree (note)', { unique: true })];
  t.same(found({ indexes: unique }), ['duplicate plain'], 'uniqueness is not given up');
});

t.test('an invalid index is found, but not while it may be built', async (t) => {
  const broken = index('broken', 'btree (note)', { valid: false });
  t.same(found({ indexes: [broken] }), ['invalid broken']);
  t.same(found({ indexes: [{ ...broken, why: 'a session holds a lock' }] }), []);
});
