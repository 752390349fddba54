/**
 * When a definition changes the result of a query without a change of a row, a subscriber ends equal to SELECT or is resynced: with
 * periodic checks alone, and with the event trigger alone.
 */
import { readFile } from 'node:fs/promises';
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import { type HeldQuery, holdQuery } from '../held-query.ts';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, type TestRealtime } from '../test-realtime.ts';

const SETUP = `
create function public.fresh(name text, columns text, more text default '') returns void language plpgsql as $$ begin
  execute format('drop table if exists public.%I', name);
  execute format('create table public.%I (%s) %s', name, columns, more);
  execute format('grant select on public.%I to anon', name);
  execute format('alter table public.%I replica identity full', name);
  execute format('alter publication tidemark add table public.%I', name);
end $$;`;

const DDL_SCRIPT = new URL('../../../../infra/postgres/ddl.sql', import.meta.url);
const NEVER = '3600000';

interface Case {
  what: string;
  /** Makes the table `thing`. Each case has its own `thing`, `spare`, `mood` and `place`. */
  before: string;
  change: string;
  /** Returns the id of a row that no client may ever receive. */
  hidden?: number;
}

const PLAIN = `select fresh('thing', 'id int primary key, n numeric(10, 2)');
  insert into thing values (1, 1.25), (2, 2.25), (3, 3.25)`;
const PARTED = `select fresh('thing', 'id int not null, n int', 'partition by range (id)');
  create table thing_1 partition of thing for values from (10) to (20);
  create table thing_0 partition of thing for values from (0) to (10);
  insert into thing values (1, 1), (2, 2), (11, 11)`;
const CASES: Case[] = [
  {
    what: 'a table that is dropped and made again',
    before: PLAIN,
    change: `begin; select fresh('thing', 'id int primary key, n int'); insert into thing values (7, 7); commit`,
  },
  {
    what: 'two tables that swap their names',
    before: `${PLAIN}; select fresh('spare', 'id int primary key, n numeric(10, 2)'); insert into spare values (8, 8)`,
    change:
      'begin; alter table thing rename to thing_0; alter table spare rename to thing; alter table thing_0 rename to spare; commit',
  },
  {
    what: 'values that are transformed',
    before: PLAIN,
    change: 'alter table thing alter n type numeric(10, 2) using n * 10',
  },
  { what: 'a smaller precision', before: PLAIN, change: 'alter table thing alter n type numeric(10, 1)' },
  { what: 'a column with a default', before: PLAIN, change: 'alter table thing add more int default 7' },
  {
    what: 'a label of another name',
    before: `create type mood as enum ('calm', 'cross'); select fresh('thing', 'id int primary key, m mood');
      insert into thing values (1, 'cross')`,
    change: `alter type mood rename value 'cross' to 'angry'`,
  },
  {
    what: 'a new label and a row that has it',
    before: `create type mood as enum ('calm', 'cross'); select fresh('thing', 'id int primary key, m mood'); insert into thing values (1, 'calm')`,
    change: `begin; alter type mood add value 'glad'; commit; insert into thing values (2, 'glad')`,
  },
  {
    what: 'a composite type with another field, and a row that has it',
    before: `create type place as (x int, y int); select fresh('thing', 'id int primary key, p place'); insert into thing values (1, '(1,2)')`,
    change: `begin; alter type place add attribute z int; insert into thing values (2, '(1,2,3)'); commit`,
  },
  {
    what: 'a partition that is attached',
    before: `${PARTED}; create table thing_2 (id int not null, n int); insert into thing_2 values (21, 21)`,
    change: 'alter table thing attach partition thing_2 for values from (20) to (30)',
  },
  { what: 'a partition that is detached', before: PARTED, change: 'alter table thing detach partition thing_1' },
  { what: 'a partition that is dropped', before: PARTED, change: 'drop table thing_1' },
  { what: 'a partition that is emptied', before: PARTED, change: 'truncate thing_1' },
  { what: 'a partitioned table that is emptied', before: PARTED, change: 'truncate thing' },
  {
    what: 'a partition that is detached, changed and attached again',
    before: PARTED,
    change: `begin; alter table thing detach partition thing_1; delete from thing_1; insert into thing_1 values (12, 12);
      alter table thing attach partition thing_1 for values from (10) to (20); commit`,
  },
  {
    what: 'a delete while the table is out of the publication',
    before: PLAIN,
    change: `begin; alter publication tidemark drop table thing; delete from thing where id = 1;
      alter publication tidemark add table thing; commit`,
  },
  {
    what: 'a policy, and a row that it hides in the same transaction',
    before: `${PLAIN}; create policy all_of on thing using (true); alter table thing enable row level security`,
    change: 'begin; insert into thing values (104, 4); alter policy all_of on thing using (id < 3); commit',
    hidden: 104,
  },
  {
    what: 'row-level security',
    before: `${PLAIN}; create policy some_of on thing using (id = 2)`,
    change: 'begin; alter table thing enable row level security; insert into thing values (105, 5); commit',
    hidden: 105,
  },
  {
    what: 'an owner who may see all rows',
    before: `${PLAIN}; create policy some_of on thing using (id = 2); alter table thing enable row level security`,
    change: 'alter table thing owner to anon',
  },
  {
    what: 'an owner for whom row-level security holds as well',
    before: `${PLAIN}; create policy some_of on thing using (id = 2); alter table thing enable row level security; alter table thing owner to anon`,
    change: 'begin; alter table thing force row level security; insert into thing values (106, 6); commit',
    hidden: 106,
  },
];
/** It concerns all tables, so it comes behind the others. */
const PARTIAL: Case = {
  what: 'a delete while deletes are not published',
  before: PLAIN,
  change: `begin; alter publication tidemark set (publish = 'insert, update'); delete from thing where id = 1;
    alter publication tidemark set (publish = 'insert, update, delete, truncate'); commit`,
};
/** Postgres can change the expression from version 17 on. */
const EXPRESSION: Case = {
  what: 'another expression of a generated column',
  before: `select fresh('thing', 'id int primary key, n int, twice int generated always as (n * 2) stored'); insert into thing values (1, 1)`,
  change: 'alter table thing alter twice set expression as (n * 3)',
};

/** The statements of the case with this number, on objects of its own. */
const own = (text: string, n: number) => text.replace(/\b(thing|spare|mood|place)(?=\b|_\d)/g, `$1${n}`);

async function selected(service: TestRealtime, table: string): Promise<string> {
  const results = await service.results(
    `begin; set local role anon; select to_jsonb(t) as row from ${table} t order by id; commit`,
  );
  return JSON.stringify((results[2] as { row: object }[]).map(({ row }) => sorted(row)));
}

const sorted = (row: object) => Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));

async function endEqual(t: Test, service: TestRealtime, cases: readonly Case[]): Promise<void> {
  for (const [n, { before }] of cases.entries()) await service.sql(own(before, n));
  const client = await new LiveClient(service.url).open();
  const held = await Promise.all(cases.map((_, n) => holdQuery(client, `s${n}`, `thing${n}`)));
  const rowsOf = ({ rows }: HeldQuery) =>
    JSON.stringify([...rows.values()].sort((a, b) => Number(a.id) - Number(b.id)).map(sorted));
  for (const [n, { change }] of cases.entries()) await service.sql(own(change, n));
  for (const [n, { what, hidden }] of cases.entries()) {
    await t.test(what, async (t) => {
      const query = held[n] as HeldQuery;
      const expected = await selected(service, `thing${n}`);
      await until(
        () => query.position !== undefined && rowsOf(query) === expected,
        () => `${expected} in thing${n}; there is ${rowsOf(query)} after ${JSON.stringify(client.frames.slice(-5))}`,
      );
      if (hidden !== undefined) t.notMatch(JSON.stringify(client.frames), new RegExp(`"id":${hidden}\\b`));
    });
  }
  await client.close();
}

for (const [how, checkMs, isAnnounced] of [
  ['by looks', '100', false],
  ['by the event trigger', NEVER, true],
] as const) {
  t.test(`${how}, subscribers end equal to SELECT`, async (t) => {
    const service = await startTestRealtime(SETUP, { DEFINITIONS_CHECK_MS: checkMs, RIGHTS_CHECK_MS: NEVER });
    t.teardown(() => service.stop());
    if (isAnnounced) await service.sql(await readFile(DDL_SCRIPT, 'utf8'));
    const [server] = await service.sql<{ version: number }>(
      `select current_setting('server_version_num')::int as version`,
    );
    await endEqual(t, service, Number(server?.version) >= 170_000 ? [...CASES, EXPRESSION] : CASES);
    await endEqual(t, service, [PARTIAL]);
  });
}
