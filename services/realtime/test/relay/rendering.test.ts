/** The relay's JSON of a row, against Postgres's own to_jsonb of the same row. */

import { connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import { type Envelope, sliceArray, sliceObject } from '@tidemark/contracts';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { startTestRealtime } from '../test-realtime.ts';

/** Each as one column, in one row each: [type, SQL expressions]. */
const VALUES: [string, string[]][] = [
  ['boolean', ['true', 'false', 'null']],
  ['int2', ["'-32768'", '0']],
  ['int4', ['2147483647']],
  ['int8', ['9223372036854775807', "'-9007199254740993'"]],
  [
    'numeric',
    ["'123456789012345678901234567890.12345678901234567890'", '1.50', '0.00', "'NaN'", "'Infinity'", "'1e-10'"],
  ],
  ['numeric(10,2)', ['3', "'-0.5'"]],
  ['float4', ['0.1', '1e20', '1e-20', '-0.0', "'NaN'", "'-Infinity'", '16777216', '123456.78']],
  [
    'float8',
    ['0.1', '1e300', '1.5e-7', '1e21', '123456789012345680', '-0.0', '5e-324', "'Infinity'", '1.7976931348623157e308'],
  ],
  ['text', ["''", "'NULL'", "e'a\\nb\\t\"c\\\\ \\u20ac \\U0001F600 \\x01\\x7f'", "'x'"]],
  ['varchar(9)', ["'abc'"]],
  ['char(5)', ["'ab'"]],
  ['name', ["'a name'"]],
  ['"char"', ["'c'"]],
  ['bytea', ["'\\x00ff10'"]],
  ['uuid', ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"]],
  ['date', ["'2026-11-21'", "'infinity'", "'0044-03-15 BC'", "'12026-01-01'"]],
  ['time', ["'23:59:59.123456'", "'24:00'"]],
  ['timetz', ["'08:00+05:30'"]],
  ['timestamp', ["'2026-11-21 00:00'", "'2026-11-21 01:02:03.4'", "'-infinity'", "'0044-03-15 10:00 BC'"]],
  ['timestamptz', ["'2026-11-21 00:00+00'", "'2026-11-21 12:00:00.123456+05:45'", "'infinity'", "'0044-03-15 BC'"]],
  ['interval', ["'1 year 2 mons -3 days 04:05:06.789'", "'0'"]],
  ['json', [`'{"b": 1, "a": [1.50, null]}'`, `'null'`, `'"x"'`]],
  ['jsonb', [`'{"b": 1, "a": {"c": 1e3}}'`, `'[]'`, `'12345678901234567890'`, `'null'`]],
  ['int4[]', ["'{1,2,NULL}'", "'{}'", "'{{1,2},{3,4}}'", "'[0:1]={7,8}'"]],
  ['text[]', [`array['', 'NULL', null, 'a,b', '{x}', e'q"\\\\\\n', ' pad ']`]],
  ['float8[]', ["'{1e300,NaN,-0}'"]],
  ['timestamptz[]', ["array['2026-11-21 00:00+00'::timestamptz]"]],
  ['jsonb[]', [`array['{"a": 1}'::jsonb, 'null', null]`]],
  ['boolean[]', ['array[true, false, null]']],
  ['box[]', ["array['(1,2),(3,4)'::box, '(5,6),(7,8)'::box]"]],
  ['bytea[]', ["array['\\x00ff'::bytea]"]],
  ['int4range', ["'[1,5)'", "'empty'"]],
  ['tstzrange', ["'[2026-01-01,2027-01-01)'"]],
  ['int4multirange', ["'{[1,2),[5,6)}'"]],
  ['inet', ["'10.0.0.1/8'"]],
  ['cidr', ["'10.0.0.0/8'"]],
  ['macaddr', ["'08:00:2b:01:02:03'"]],
  ['bit(4)', ["'1010'"]],
  ['varbit', ["'101'"]],
  ['money', ["'12.34'"]],
  ['point', ["'(1.5,2)'"]],
  ['oid', ['42']],
  ['pg_lsn', ["'16/B374D848'"]],
  ['tsvector', ["'a:1 b:2'"]],
  ['xml', ['\'<a b="c"/>\'']],
  ['int2vector', ["'1 2'"]],
  ['public.mood', ["'so so'"]],
  ['public.mood[]', ['\'{"so so",glad}\'']],
  ['public.positive', ['5']],
  [
    'public.pair',
    [`row(1, 'a "b", c', '{1,2}', row(2.50, null))`, 'row(null, null, null, null)', `row(1, '', '{}', null)`],
  ],
  ['public.pair[]', [`array[row(1, 'a "b"\\,', '{1}', row(1, '2026-01-01 00:00+00'))::public.pair, null]`]],
  ['public.boxed', ["'7'"]],
  ['public.boxed[]', ["array['7'::public.boxed, null]"]],
];

const SETUP = `
create type public.mood as enum ('so so', 'glad');
create domain public.positive as int check (value > 0);
create type public.inner_pair as (n numeric, at timestamptz);
create type public.pair as (a int, b text, c int[], "d ""q""" public.inner_pair);
-- A type that to_jsonb renders by a cast of its own, as it does hstore and PostGIS's.
create type public.boxed;
create function public.boxed_in(cstring) returns public.boxed language internal immutable strict as 'textin';
create function public.boxed_out(public.boxed) returns cstring language internal immutable strict as 'textout';
create type public.boxed (input = public.boxed_in, output = public.boxed_out, like = text);
create function public.boxed_json(public.boxed) returns json language sql immutable strict
  as $$ select json_build_object('boxed', $1::text) $$;
create cast (public.boxed as text) without function as assignment;
create cast (public.boxed as json) with function public.boxed_json(public.boxed);
${VALUES.map(([type], n) => `create table public.v${n} (id int primary key, v ${type}); alter publication tidemark add table public.v${n};`).join('\n')}`;

t.test('renders rows of every common type as to_jsonb does', async (t) => {
  const service = await startTestRealtime(SETUP);
  t.teardown(() => service.stop());
  const stack = await useTestStack();
  const bus = await connectBus({ url: stack.natsUrl, name: 'rendering', prefix: service.prefix });
  t.teardown(() => bus.close());
  const rows = new Map<string, string>();
  const subscription = clientOf(bus).nc.subscribe(bus.subjects.allChanges, {
    callback: (_error, message) => {
      if (message.subject.includes('changes.@')) return;
      const top = sliceObject(message.string()) as Map<keyof Envelope, string>;
      for (const change of sliceArray(top.get('changes') as string)) {
        const row = sliceObject(change).get('row') as string;
        rows.set(
          `${JSON.parse(top.get('table') as string)}/${sliceObject(row).get('id')}`,
          sliceObject(row).get('v') as string,
        );
      }
    },
  });
  await bus.flush();

  for (const [n, [type, expressions]] of VALUES.entries()) {
    const values = expressions.map((expression, id) => `(${id}, ${expression}::${type})`);
    await service.sql(`insert into public.v${n} values ${values.join(', ')}`);
  }
  const total = VALUES.reduce((sum, [, expressions]) => sum + expressions.length, 0);
  await until(
    () => rows.size === total,
    () => `${total} rows; there are ${[...rows.keys()].join(' ')}`,
  );
  subscription.unsubscribe();

  for (const [n, [type, expressions]] of VALUES.entries()) {
    // Compared by Postgres as text of jsonb, so that neither digits nor forms are lost on the way.
    const ours = expressions.map((_, id) => rows.get(`v${n}/${id}`) ?? 'missing');
    const compared = await service.sql<{ id: number; mine: string; theirs: string }>(
      `select t.id, ($1::text[])[t.id + 1]::jsonb::text as mine, coalesce(to_jsonb(t) -> 'v', 'null')::text as theirs
       from (select set_config('timezone', 'UTC', false)) as s, public.v${n} as t order by t.id`,
      [ours],
    );
    for (const { id, mine, theirs } of compared) t.equal(mine, theirs, `${type}: ${expressions[id]}`);
  }
});
