/** Tests filters on every kind of type: after changes a subscriber holds the rows that the same query reads. */
import type { LiveChange } from '@tidemark/contracts';
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime } from '../test-realtime.ts';

const SETUP = `
create type public.mood as enum ('so so', 'glad', 'cross');
create domain public.temper as public.mood;
create domain public.few as int check (value < 100);
create domain public.code as text collate "C";
create type public.spot as (x int, note text);
create domain public.spot_of_map as public.spot;
create table public.things (id int primary key, mood public.mood, few public.few, code public.code, name text collate "und-x-icu", ip inet, span interval,
  tod time, ttz timetz, day date, tags text[], nums int8[], moods public.mood[], grid int[], during int4range, data jsonb, doc json,
  body text, bits bit(3), cash money, mac macaddr, bytes bytea, pair uuid, place point, mark xml, words tsvector,
  spot public.spot, mapped public.spot_of_map, temper public.temper);
alter table public.things replica identity full;
create table public.keyed (id int primary key, span interval not null, note text);
grant select on public.things, public.keyed to anon;
alter publication tidemark add table public.things, public.keyed;`;

/** The values of each column that the rows take, as text. */
const VALUES: Record<string, string[]> = {
  mood: ['so so', 'glad', 'cross'],
  few: ['1', '7'],
  code: ['a', 'B', 'b'],
  name: ['ann', 'Bob', 'ärger', 'zoe'],
  ip: ['10.0.0.1', '10.0.0.1/8', '192.168.1.1', '::1'],
  span: ['1 day', '24:00:00', '-1 mons', '2 days'],
  tod: ['12:00', '24:00', '08:30:00.5'],
  ttz: ['12:00+00', '14:00+02'],
  day: ['2026-11-30', 'infinity', '0044-03-15 BC'],
  tags: ['{a,b}', '{}', '{b,NULL}', '[0:1]={a,b}'],
  nums: ['{1,9007199254740993}', '{9007199254740992}', '{1,NULL}'],
  moods: ['{glad,cross}', '{}'],
  grid: ['{{1,2},{3,4}}', '{1,2}'],
  during: ['[1,5)', 'empty', '[5,9)'],
  data: [
    '{"kind":"a","n":1}',
    '{"kind":"b","n":1.0,"deep":{"list":["x"]}}',
    'null',
    '"a"',
    '[1,"a"]',
    '{"kind":null}',
    '{"kind":"\\u0001"}',
  ],
  doc: ['{"kind": "a"}', '{"kind":"b","kind":"a"}', 'null', '{"other":"\\u0000"}'],
  body: ['the fat cats', 'a dog'],
  bits: ['101', '010'],
  cash: ['1.50', '-2'],
  mac: ['08:00:2b:01:02:03'],
  bytes: ['\\x00ff', ''],
  pair: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000'],
  words: ["'cat':1 'fat':2", ''],
  spot: ['(1,a)', '(,)', '(,b)'],
  mapped: ['(,)', '(2,)'],
};

const QUERIES = [
  ...[
    'mood=eq.glad',
    'mood=neq.glad',
    'mood=in.("so so",cross)',
    'mood=gt.so so',
    'mood=not.in.(glad,cross)',
    'mood=isdistinct.glad',
  ],
  ...['few=eq.7', 'few=in.(1,7)', 'few=lt.5', 'code=eq.b', 'code=gt.a', 'code=in.(a,B)'],
  ...[
    'name=gt.b',
    'name=ilike.*B*',
    'name=lt.z',
    'ip=eq.10.0.0.1',
    'ip=in.(10.0.0.1,::1)',
    'ip=sl.10.0.0.0/8',
    'ip=lt.11.0.0.0',
  ],
  ...[
    'span=eq.1 day',
    'span=gt.1 day',
    'span=in.(24:00:00)',
    'tod=gte.12:00',
    'tod=eq.8:30:00.5',
    'ttz=eq.12:00+00',
    'ttz=lt.14:00+02',
  ],
  ...['day=eq.30 Nov 2026', 'day=gt.2026-01-01', 'day=eq.infinity'],
  ...[
    'tags=cs.{a}',
    'tags=cd.{a,b,c}',
    'tags=ov.{b}',
    'tags=eq.{a,b}',
    'tags=neq.{a,b}',
    'tags=not.cs.{a}',
    'tags=lt.{b}',
    'tags=is.null',
  ],
  ...[
    'nums=cs.{9007199254740993}',
    'nums=ov.{1}',
    'moods=cs.{glad}',
    'moods=eq.{glad,cross}',
    'grid=cs.{4}',
    'grid=eq.{{1,2},{3,4}}',
  ],
  ...['during=cs.[3,4)', 'during=ov.[4,6)', 'during=adj.[5,9)', 'during=eq.empty', 'during=nxr.[1,6)'],
  ...[
    'data->>kind=eq.a',
    'data->>kind=in.(a,b)',
    'data->>kind=is.null',
    'data->>n=eq.1',
    'data->>n=eq.1.0',
    'data->n=eq.1',
    'data->deep->list->>0=eq.x',
  ],
  ...['data=cs.{"kind":"a"}', 'data=is.null', 'data=eq.null', 'data=not.is.null', 'data->0=eq.1', 'data->>-1=eq.a'],
  ...[
    'body=fts.cat',
    'body=plfts.dog',
    'words=fts.fat',
    'bits=eq.101',
    'cash=gt.0',
    'mac=eq.08002b010203',
    'bytes=eq.\\x00ff',
  ],
  ...['spot=is.null', 'spot=not.is.null', 'mapped=is.null', 'mapped=not.is.null'],
  ...[
    'pair=eq.A0EEBC999C0B4EF8BB6D6BB9BD380A11',
    'or=(mood.eq.glad,span.eq.24:00:00)',
    'and=(few.eq.7,ip.eq.10.0.0.1)',
    'few=eq.1&tags=eq.{}',
  ],
];

t.test('filters that Postgres is asked about', async (t) => {
  const service = await startTestRealtime(SETUP, {
    LIVE_FILTER_SOCKET_STEPS: '10000000',
    MAX_SUBSCRIPTIONS_PER_SOCKET: '200',
  });
  t.teardown(() => service.stop());
  const connect = () => new LiveClient(service.url).open();
  const questions = async () =>
    Number(/^tidemark_live_filter_questions(?:_total)?(?:\{[^}]*\})? (\d+)/m.exec(await metricsPage(service.url))?.[1]);

  t.test('leaves subscribers with the rows of the query after inserts, updates and deletes', async (t) => {
    const client = await connect();
    const topics: number[] = [];
    for (const [n, query] of QUERIES.entries()) {
      topics.push(
        await client.subscribe(`${n}`, `things?select=id&${query.replace(/[+\\"{}[\] ]/g, encodeURIComponent)}`, {
          snapshot: true,
        }),
      );
    }
    topics.push(await client.subscribe('end', 'things?select=id&id=eq.0', { snapshot: true }));
    const names = Object.keys(VALUES);
    const value = (name: string, seed: number) => {
      const values = VALUES[name] as string[];
      const text = values[(seed * 7 + names.indexOf(name)) % (values.length + 1)];
      return text === undefined ? 'null' : `'${text.replaceAll("'", "''")}'`;
    };
    const rows = Array.from({ length: 40 }, (_, n) => `(${n + 1}, ${names.map((name) => value(name, n)).join(', ')})`);
    await service.sql(`insert into things (id, ${names.join(', ')}) values ${rows.join(', ')}`);
    for (let n = 1; n <= 30; n += 1) {
      await service.sql(
        `update things set ${names.map((name) => `${name} = ${value(name, n * 3 + 1)}`).join(', ')} where id = ${n}`,
      );
    }
    await service.sql('delete from things where id % 5 = 0');
    await service.sql('insert into things (id) values (0)');
    await client.change(({ row }) => row?.id === 0);
    await service.replayed();
    // Other columns make another topic, which shares no snapshot of a moment ago.
    const fresh = await connect();
    for (const [n, query] of QUERIES.entries()) {
      const topic = await fresh.subscribe(
        `${n}`,
        `things?select=id,few&${query.replace(/[+\\"{}[\] ]/g, encodeURIComponent)}`,
        { snapshot: true },
      );
      const isDone = () => fresh.frames.some((frame) => frame.op === 'snapshot' && frame.topic === topic && frame.done);
      await until(isDone, `the snapshot of ${query}`);
      const wanted = fresh.frames
        .flatMap((frame) => (frame.op === 'snapshot' && frame.topic === topic ? frame.rows : []))
        .map(({ id }) => id);
      const held = () => heldBy(client.changes(topics[n]));
      const same = () => JSON.stringify(held()) === JSON.stringify(wanted.sort((a, b) => Number(a) - Number(b)));
      await until(
        same,
        () =>
          `${query}: holds ${held()}, and ${wanted} is right; ${JSON.stringify(client.frames.filter(({ op }) => op === 'resync' || op === 'error'))}`,
      );
    }
    t.ok((await questions()) > 0);
    t.notOk(client.frames.some(({ op }) => op === 'resync'));
    await Promise.all([client.close(), fresh.close()]);
  });

  t.test('evaluates equal conditions once', async (t) => {
    const clients = await Promise.all(Array.from({ length: 4 }, connect));
    for (const [n, client] of clients.entries()) {
      await client.subscribe('s', `things?select=id,mood&few=in.(1,${n + 2})&span=eq.1 day`);
    }
    const before = await questions();
    await service.sql(
      `insert into things (id, few, span) values (100, 1, '24:00:00'), (101, 1, '2 days'), (102, 50, '1 day')`,
    );
    for (const client of clients) {
      await client.change(({ row }) => row?.id === 100);
      t.same(
        client.changes().map(({ row }) => row?.id),
        [100],
      );
    }
    t.equal((await questions()) - before, 1);
    await Promise.all(clients.map((client) => client.close()));
  });

  t.test('evaluates filters on keys without whole old rows', async (t) => {
    const client = await connect();
    await client.subscribe('s', 'keyed?span=eq.1 day', { snapshot: true });
    await service.sql(`insert into keyed values (1, '1 day', 'a'), (2, '2 days', 'b')`);
    await service.sql(`update keyed set span = '24:00:00' where id = 2`);
    await service.sql(`update keyed set span = '3 days' where id = 1`);
    await client.change(({ type }) => type === 'leave' || type === 'delete');
    t.same(heldBy(client.changes()), [2]);
    await client.close();
  });

  t.test('rejects filters that Postgres would reject, with the reason', async (t) => {
    const client = await connect();
    const refusals: [string, RegExp][] = [
      ['mood=eq.sad', /a value in it is not valid for the type/],
      ['ip=eq.nowhere', /a value in it is not valid for the type/],
      ['tags=cs.{', /a value in it is not valid for the type/],
      ['mark=eq.x', /the type does not have the operator/],
      ['place=eq.(1,2)', /the type does not have the operator/],
      ['day=gte.today', /depends on when it is read/],
      // Postgres has no operators for a domain over an enum.
      ...['eq.glad', 'neq.glad', 'in.(glad)', 'gt.glad', 'isdistinct.glad'].map((filter): [string, RegExp] => [
        `temper=${filter}`,
        /the type does not have the operator/,
      ]),
      ['name=imatch.(a|b)', /regular expression/],
    ];
    for (const [query, message] of refusals) {
      t.match(
        await client.refusal('s', `things?${query}`),
        { code: 'RT_QUERY_UNSUPPORTED', message, retry: false },
        query,
      );
    }
    await client.close();
  });

  t.test('resyncs only the query whose filter fails on a row', async (t) => {
    const client = await connect();
    const failing = await client.subscribe('s', 'things?select=id&doc->>kind=eq.a');
    const other = await client.subscribe('other', 'things?select=id&span=eq.3 days');
    await service.sql(`insert into things (id, doc, span) values (200, '{"kind":"a","other":"\\u0000"}', '3 days')`);
    t.match(await client.frame(({ op }) => op === 'resync'), {
      topic: failing,
      reason: /could not be decided for a row/,
    });
    await client.change(({ row }) => row?.id === 200);
    t.same(client.changes(other).length, 1);
    await client.close();
  });
});

/** The ids that are left, ascending. */
function heldBy(changes: readonly LiveChange[]): number[] {
  const held = new Set<number>();
  for (const { row, old } of changes) {
    if (old) held.delete(Number(old.id));
    if (row) held.add(Number(row.id));
  }
  return [...held].sort((a, b) => a - b);
}
