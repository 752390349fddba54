/** Tests that policies are evaluated over the very value of the row, for every type of column. */

import { connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import { parseLsn } from '@tidemark/contracts';
import { openDatabase } from '@tidemark/db';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { ChangeEnvelope } from '../../src/changes/envelope.ts';
import type { RowImage } from '../../src/changes/row-image.ts';
import { imageParams, imagesFrom } from '../../src/tables/image-sql.ts';
import { loadTableFacts } from '../../src/tables/load-table-facts.ts';
import { startTestRealtime } from '../test-realtime.ts';

/** By pg_type.typname, as text. A type that is not here and is no array fails the test, so that none is forgotten. */
const VALUES: Record<string, string[]> = {
  aclitem: ['postgres=r/postgres'],
  bit: ['1', '10110'],
  bool: ['t', 'f'],
  box: ['(3,4),(1,2)'],
  bpchar: ['', 'a', 'ab   '],
  bytea: ['', '\\x00ff10', '\\x5c'],
  char: ['', 'c', '\\303', ' '],
  cid: ['42'],
  cidr: ['10.0.0.0/8', '::/0'],
  circle: ['<(1.5,-2),0.1>'],
  date: ['2026-11-21', 'infinity', '-infinity', '0044-03-15 BC', '12026-01-01', '4714-11-24 BC', '5874897-12-31'],
  float4: ['0.1', '1e20', '1e-20', '-0', 'NaN', '-Infinity', '16777216', '1e-45'],
  float8: ['0.1', '1e300', '-0', '5e-324', 'Infinity', 'NaN', '1.7976931348623157e308', '123456789012345680'],
  inet: ['10.0.0.1/8', '10.0.0.1', '::1', 'fe80::1/64'],
  int2: ['-32768', '0'],
  int2vector: ['', '1 2 3'],
  int4: ['2147483647', '-1'],
  int8: ['9223372036854775807', '-9007199254740993'],
  interval: [
    '1 year 2 mons -3 days 04:05:06.789',
    '0',
    '-1 mons +2 days -00:00:01',
    'infinity',
    '-infinity',
    '-178000000 years',
  ],
  json: [
    '{"b": 1,  "a": [1.50, null], "a": 2}',
    'null',
    '"x"',
    ' {"a":\t1}\n',
    '{"a": "\\u0000"}',
    '1.0',
    'true',
    '""',
  ],
  jsonb: ['{"b": 1, "a": {"c": 1e3}}', '[]', 'null', '"x"', '"null"', '1.50', 'true', '"\\u0001"', '[null]'],
  jsonpath: ['$."a"[*]?(@ > 1)'],
  line: ['{1,-1,0}'],
  lseg: ['[(1,2),(3,4)]'],
  macaddr: ['08:00:2b:01:02:03'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  money: ['12.34', '-1234567.89'],
  name: ['', 'a name', 'NULL'],
  numeric: [
    '1.50',
    '0.00',
    '-0.5',
    'NaN',
    'Infinity',
    '-Infinity',
    '1e-20',
    '1e40',
    '123456789012345678901234567890.0123456789',
  ],
  oid: ['42', '4294967295'],
  oidvector: ['', '16 25'],
  path: ['[(1,2),(3,4)]', '((1,2),(3,4))'],
  pg_lsn: ['16/B374D848'],
  pg_snapshot: ['10:20:10,14,15'],
  point: ['(1.5,2)', '(-0,1e300)', '(NaN,Infinity)'],
  polygon: ['((0,0),(1,0),(0,1))'],
  refcursor: ['a cursor'],
  regclass: ['pg_class', '-'],
  regcollation: ['"C"'],
  regconfig: ['english'],
  regdictionary: ['simple'],
  regnamespace: ['pg_catalog'],
  regoper: ['||/'],
  regoperator: ['+(integer,integer)'],
  regproc: ['now'],
  regprocedure: ['abs(integer)'],
  regrole: ['postgres'],
  regtype: ['integer', 'text'],
  text: ['', 'NULL', 'null', ' pad ', 'a"b\\c\nd\te\u0001\u007f€😀', '{a,b}', '"', '123', 'true'],
  tid: ['(1,2)'],
  time: ['23:59:59.123456', '24:00'],
  timestamp: [
    '2026-11-21 00:00',
    '2026-11-21 01:02:03.4',
    '-infinity',
    '0044-03-15 10:00 BC',
    '294276-12-31 23:59:59.999999',
  ],
  timestamptz: ['2026-11-21 12:00:00.123456+05:45', 'infinity', '0044-03-15 00:00+00 BC', '12026-01-01 00:00+00'],
  timetz: ['08:00+05:30', '24:00-15:59'],
  tsquery: ["'a' & !'b':A <2> 'c d'", ''],
  tsvector: ["'a':1 'b c':2A,3", ''],
  txid_snapshot: ['10:20:10,14,15'],
  uuid: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  varbit: ['', '101'],
  varchar: ['abc', ' '],
  xid: ['42'],
  xid8: ['18446744073709551615'],
  xml: ['<a b="c"/>', 'text &amp; more'],
  int4range: ['[1,5)', 'empty', '(,)', '[1,)'],
  int8range: ['[1,5)'],
  numrange: ['(1.50,2.0]'],
  daterange: ['[2026-01-01,infinity)', '(,0044-03-15 BC)'],
  tsrange: ['[2026-01-01 00:00,2026-01-02 00:00)'],
  tstzrange: ['[2026-01-01 00:00+00,2027-01-01 00:00+00)'],
  int4multirange: ['{[1,2),[5,6)}', '{}'],
  int8multirange: ['{[1,2)}'],
  nummultirange: ['{(1.50,2.0]}'],
  datemultirange: ['{[2026-01-01,2026-02-01)}'],
  tsmultirange: ['{[2026-01-01 00:00,2026-01-02 00:00)}'],
  tstzmultirange: ['{}'],
  cardinal_number: ['7'],
  character_data: ['text'],
  sql_identifier: ['a_name'],
  time_stamp: ['2026-11-21 08:00:00+00'],
  yes_or_no: ['YES'],
  citext: ['AbC'],
  hstore: ['', '"a"=>"1", "b"=>NULL, "c d"=>"NULL"'],
  ghstore: [],
  cube: ['(1, 2),(3, 4)'],
  seg: ['1.5 .. 2.50', '<3'],
  ltree: ['a.b.c'],
  lquery: ['a.*{1,2}.b'],
  ltxtquery: ['a & b'],
  ltree_gist: [],
  mood: ['so so', 'glad', 'NULL', ''],
  positive: ['5'],
  caseless: ['AbC'],
  numbers: ['{1,NULL,3}', '[5:6]={1,2}'],
  pair: ['(1,"a ""b"", c","[0:1]={1,2}","(2.50,)")', '(,,,)', '(1,"",{},"(,)")'],
  inner_pair: ['(-0.10,"2026-11-21 08:00:00+00")', '(,)'],
  floats: ['[0.1,1e+300)'],
  floatmulti: ['{[0.1,0.5)}'],
  boxed: ['(1,2)', ''],
  shouted: ['value'],
  grumpy: ['fine', 'cross'],
};

/** Postgres does not read their text, so it cannot be asked about them. */
const UNREADABLE = new Set([
  ...['pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list', 'gtsvector'],
  ...['pg_brin_bloom_summary', 'pg_brin_minmax_multi_summary'],
]);

const SETUP = `
create extension hstore; create extension citext; create extension cube; create extension seg; create extension ltree;
create type public.mood as enum ('so so', 'glad', 'NULL', '');
create domain public.positive as int check (value > 0);
create collation public.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create domain public.caseless as text collate public.no_case;
create domain public.numbers as int[];
create type public.inner_pair as (n numeric, at timestamptz);
create type public.pair as (a int, b text, c int[], "d ""q""" public.inner_pair);
create type public.floats as range (subtype = float8, multirange_type_name = public.floatmulti);
-- A cast to json of its own, as PostGIS has, which loses what the value was.
create type public.boxed;
create function public.boxed_in(cstring) returns public.boxed language internal immutable strict as 'textin';
create function public.boxed_out(public.boxed) returns cstring language internal immutable strict as 'textout';
create type public.boxed (input = public.boxed_in, output = public.boxed_out, like = text);
create function public.boxed_json(public.boxed) returns json language sql immutable strict as $$ select '{}'::json $$;
create cast (public.boxed as json) with function public.boxed_json(public.boxed);
-- A cast from text that is not what the type's input does.
create type public.shouted;
create function public.shouted_in(cstring) returns public.shouted language internal immutable strict as 'textin';
create function public.shouted_out(public.shouted) returns cstring language internal immutable strict as 'textout';
create type public.shouted (input = public.shouted_in, output = public.shouted_out, like = text);
create function public.shout(text) returns public.shouted language sql immutable strict as $$ select upper($1)::varchar::public.shouted $$;
create cast (text as public.shouted) with function public.shout(text);
-- A type that the role may not name.
create schema hidden; create type hidden.grumpy as enum ('fine', 'cross');`;

interface TypeRow {
  name: string;
  type: string;
  element: string | null;
}

const TYPES = `
with column_types as (
  select t.oid, t.typname::text as name, format_type(t.oid, -1) as type, t.typelem, t.typsubscript
  from pg_type t left join pg_class c on c.oid = t.typrelid
  where t.typtype in ('b', 'e', 'd', 'r', 'm') and t.typisdefined or c.relkind = 'c')
select t.name, t.type, e.name as element from column_types t
left join column_types e on e.oid = t.typelem and t.typsubscript = 'array_subscript_handler'::regproc
where e.oid is not null or t.typelem = 0 or t.typsubscript <> 'array_subscript_handler'::regproc
order by 1`;

t.test('restores a row exactly from its change', async (t) => {
  const service = await startTestRealtime(SETUP);
  t.teardown(() => service.stop());
  const stack = await useTestStack();
  const database = await openDatabase({ primaryUrl: service.database.primaryUrl, applicationName: 'test' });
  t.teardown(() => database.close());
  const bus = await connectBus({ url: stack.natsUrl, name: 'every-type', prefix: service.prefix });
  t.teardown(() => bus.close());

  const types = (await service.sql<TypeRow>(TYPES))
    // int2vector has elements, and is no array by its text.
    .map((type) => ({ ...type, element: VALUES[type.name] ? null : type.element }))
    .filter(
      ({ name, element }) =>
        !UNREADABLE.has(name) && !UNREADABLE.has(element ?? '') && VALUES[element ?? name]?.length !== 0,
    );
  const missing = types.filter(({ name, element }) => !VALUES[element ?? name]);
  t.same(missing, [], 'values of every type are tried');
  const columns = types.map(({ type, name, element }, n) => {
    const texts = VALUES[element ?? name] ?? [];
    const delimiter = element === 'box' ? ';' : ',';
    const list = (...items: string[]) => `{${items.join(delimiter)}}`;
    const [a = 'NULL', b = a, ...more] = texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`);
    const arrays = [list(), list(a, 'NULL', b), list(list(a), list(b)), list(a, b, ...more), `[0:1]=${list(a, b)}`];
    const values = (element === null ? texts : arrays).map((text) => `'${text.replaceAll("'", "''")}'::${type}`);
    return { name: `c${n}`, type, values };
  });
  await service.sql(`create table public.everything (id int primary key, ${columns.map(({ name, type }) => `${name} ${type}`).join(', ')});
    alter table public.everything replica identity full; grant select on public.everything to anon, service_role;
    grant usage on schema hidden to service_role;
    alter publication tidemark add table public.everything;`);

  const changes: RowImage[] = [];
  const subscription = clientOf(bus).nc.subscribe(bus.subjects.changes('public', 'everything'), {
    callback: (_error, message) => {
      const [at, bytes] = [
        { sequence: 1, epoch: '', lsn: parseLsn('0/0'), xid: 1, table: '', receivedAt: 0 },
        message.data,
      ];
      for (const { row, before } of new ChangeEnvelope({ ...at, bytes }).body().changes) {
        for (const image of [row, before]) if (image) changes.push(image);
      }
    },
  });
  await bus.flush();
  const rows = Math.max(...columns.map(({ values }) => values.length)) + 1;
  for (let id = 0; id < rows; id += 1) {
    await service.sql(
      `insert into public.everything values (${[id, ...columns.map(({ values }) => values[id] ?? 'null')].join(', ')})`,
    );
  }
  await service.sql('update public.everything set id = id');
  await until(
    () => changes.length === 3 * rows,
    () => `${3 * rows} rows; there are ${changes.length}`,
  );
  subscription.unsubscribe();

  for (const role of ['service_role', 'anon']) {
    const facts = await loadTableFacts(database, { role, claims: '{}' }, 'tidemark', {
      schema: 'public',
      table: 'everything',
    });
    for (const { name, type } of columns) {
      const reads = { columns: ['id', name], whole: false, tableOid: false };
      const sql = facts.columns.find((column) => column.name === name)?.sql;
      // The bytes must be the same even if the type's = would accept others. For a domain, the bytes are those of its base type.
      const kept = (value: string) => `row(${value}::${sql?.cast})`;
      const same = await service.sql<{ ord: number }>(
        `${imagesFrom(facts, reads)} where exists (select from public.everything as original
          where original.id = everything.id and record_image_eq(${kept(`original.${name}`)}, ${kept(`everything.${name}`)}))`,
        imageParams(facts, reads, changes),
      );
      const wrong = changes.filter((_, n) => !same.some(({ ord }) => ord === n + 1));
      t.same(
        wrong.map((image) => image.postgresText(name)),
        [],
        `${type} as ${role}`,
      );
    }
  }
});
