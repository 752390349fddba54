/** Tests which statements change the version of a definition, and which do not. */
import { useTestStack } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { definitionsSql, ROLES_VERSION_SQL } from '../../src/definitions/definition-sql.ts';

const SETUP = `
create role versions_reader; create role versions_writer; create role versions_group_of_readers;
create schema app; create publication app with (publish_via_partition_root = true);
create type app.mood as enum ('calm', 'cross');
create type app.place as (x int, y int);
create domain app.percent as numeric check (value between 0 and 100);
create type app.span as range (subtype = numeric);
create function app.may(owner text) returns boolean language sql stable as $$ select owner = current_user $$;
create table app.member (id int primary key, name text);
create view app.members as select id, name from app.member;
create table app.item (id int primary key, n int, amount numeric(10, 2), owner text, mood app.mood, places app.place[], share app.span, rate app.percent, note text,
  twice int generated always as (n * 2) stored);
create table app.other (like app.item including all);
create table app.third (id int primary key);
alter table app.item enable row level security;
create policy own on app.item for select to public using (app.may(owner));
create policy known on app.item for select to public using (exists (select from app.members m where m.name = owner));
create table app.log (at date not null, n int) partition by range (at);
create table app.log_1 partition of app.log for values from ('2026-01-01') to ('2026-06-01');
create table app.log_2 partition of app.log for values from ('2026-06-01') to ('2027-01-01') partition by range (at);
create table app.log_2a partition of app.log_2 for values from ('2026-06-01') to ('2027-01-01');
insert into app.log values ('2026-02-02', 1), ('2026-07-07', 2);
insert into app.item (id, n, amount, owner) select n, n, n, 'reader' from generate_series(1, 100) n;
grant usage on schema app to versions_reader;
alter publication app add table app.item, app.other, app.log`;

t.test('versions of definitions', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  const client = new pg.Client(database.primaryUrl);
  await client.connect();
  t.teardown(async () => {
    await client.query(
      'reset role; drop schema app cascade; drop owned by versions_reader, versions_writer, versions_group_of_readers',
    );
    await client.query('drop role versions_reader, versions_writer, versions_group_of_readers');
    await client.end();
    await database.drop();
  });
  await client.query(SETUP);
  const server = Number((await client.query('show server_version_num')).rows[0].server_version_num);

  const all = async (): Promise<Record<string, string>> => {
    const { rows } = await client.query(definitionsSql({ publication: '$1' }), ['app']);
    return Object.fromEntries(rows.map((row) => [row.table, row.version]));
  };
  const one = async (table: string): Promise<string | undefined> => {
    const text = definitionsSql({ publication: '$1', only: { schema: '$2', table: '$3' } });
    return (await client.query(text, ['app', 'app', table])).rows[0]?.version;
  };
  /** The tables whose version is another after the statements. */
  const changedBy = async (...statements: string[]): Promise<string[]> => {
    const before = await all();
    for (const statement of statements) await client.query(statement);
    const after = await all();
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].filter((name) => before[name] !== after[name]).sort();
  };

  t.same(Object.keys(await all()).sort(), ['item', 'log', 'other'], 'partitions are published as their table');

  await t.test('gives a table one version for all roles, alone and among others', async (t) => {
    const owner = await all();
    await client.query(`set role versions_reader; set search_path = ''; set datestyle = 'German'`);
    t.same(await all(), owner);
    for (const table of ['item', 'other', 'log']) t.equal(await one(table), owner[table]);
    t.equal(await one('third'), undefined, 'a table that is not published has none');
    t.equal(await one('log_1'), undefined, 'nor has a partition');
    await client.query('reset role; reset search_path; reset datestyle');
  });

  const changing: [what: string, statements: string[], tables?: string[]][] = [
    ['a column with a default', ['alter table app.item add column more int default 7']],
    ['a renamed column', ['alter table app.item rename column more to extra']],
    ['a dropped column', ['alter table app.item drop column extra']],
    [
      'values that are transformed, of the same type',
      ['alter table app.item alter column amount type numeric(10, 2) using amount * 10'],
    ],
    ['a smaller precision', ['alter table app.item alter column amount type numeric(10, 1)']],
    ['another collation', ['alter table app.item alter column note type text collate "C"']],
    ...(server >= 170_000
      ? [
          ['another expression', ['alter table app.item alter column twice set expression as (n * 3)']] as [
            string,
            string[],
          ],
        ]
      : []),
    ['a renamed label', [`alter type app.mood rename value 'cross' to 'angry'`], ['item', 'other']],
    ['a new label', [`alter type app.mood add value 'glad' before 'calm'`], ['item', 'other']],
    ['a new field, in an array', ['alter type app.place add attribute z int'], ['item', 'other']],
    ['a constraint of a domain', ['alter domain app.percent add check (value <> 13)'], ['item', 'other']],
    ['a type with another name', ['alter type app.place rename to spot'], ['item', 'other']],
    [
      'a cast to json',
      [
        `create function app.as_json(app.mood) returns json language sql as 'select null::json'`,
        'create cast (app.mood as json) with function app.as_json(app.mood)',
      ],
      ['item', 'other'],
    ],
    [
      'drop and recreate',
      [
        'begin; drop table app.other; create table app.other (id int primary key); alter publication app add table app.other; commit',
      ],
      ['other'],
    ],
    [
      'a name that another table had for a moment',
      [
        'alter table app.item rename to between; alter table app.other rename to item',
        'alter table app.item rename to other; alter table app.between rename to item',
      ],
      ['item', 'other'],
    ],
    [
      'a swap of names',
      [
        'begin; alter table app.other rename to spare; alter table app.third rename to other; alter publication app add table app.other; commit',
      ],
      ['other', 'spare'],
    ],
    ['a table that leaves the publication', ['alter publication app drop table app.spare'], ['spare']],
    [
      'out of the publication and in again',
      ['begin; alter publication app drop table app.item; alter publication app add table app.item; commit'],
    ],
    ['other columns published', ['alter publication app set table app.item (id, n, owner), app.other, app.log']],
    [
      'fewer operations published, and all again',
      [
        `alter publication app set (publish = 'insert, update')`,
        `alter publication app set (publish = 'insert, update, delete, truncate')`,
      ],
      ['item', 'log', 'other'],
    ],
    ['a policy', ['create policy more on app.item for select to versions_reader using (n > 5)']],
    ['another expression of a policy', ['alter policy more on app.item using (n > 6)']],
    ['a policy for others', ['alter policy more on app.item to versions_writer']],
    ['a policy that is gone', ['drop policy more on app.item']],
    [
      'a function that a policy calls',
      ['create or replace function app.may(owner text) returns boolean language sql stable as $$ select false $$'],
    ],
    [
      'a function that was another one for a moment',
      [
        'create or replace function app.may(owner text) returns boolean language sql stable as $$ select true $$',
        'create or replace function app.may(owner text) returns boolean language sql stable as $$ select false $$',
      ],
    ],
    ['its rights', ['revoke execute on function app.may(text) from public']],
    [
      'a function that calls another, which reads a view',
      [
        `create table app.fourth (id int primary key); create view app.shown as select id from app.fourth;
         create function app."Inner One"(owner text) returns boolean language plpgsql stable as $$ begin return exists (select from app.shown); end $$;
         create or replace function app.may(owner text) returns boolean language plpgsql stable as $$ begin return app."Inner One"(owner); end $$`,
      ],
    ],
    [
      'that other function',
      [
        `create or replace function app."Inner One"(owner text) returns boolean language plpgsql stable as $$ begin return not exists (select from app.shown); end $$`,
      ],
    ],
    ['the view that it reads', ['create or replace view app.shown as select id from app.fourth where id > 0']],
    [
      'an operator in a policy, over a table with partitions',
      [
        `create function app.alike(a text, b text) returns boolean language sql immutable as 'select a = b';
         create operator app.=== (function = app.alike, leftarg = text, rightarg = text);
         create table app.parted (name text) partition by list (name); create table app.parted_a partition of app.parted for values in ('a');
         create policy parted on app.item using (exists (select from app.parted p where p.name operator(app.===) owner))`,
      ],
    ],
    [
      'the function of that operator',
      [
        `create or replace function app.alike(a text, b text) returns boolean language sql immutable as 'select a <> b'`,
      ],
    ],
    ['a partition of that table', ['drop table app.parted_a']],
    ['a policy of the table behind it', ['create policy any_of on app.fourth using (true)']],
    [
      'a view that a policy reads',
      ['create or replace view app.members as select id, name from app.member where id > 0'],
    ],
    [
      'a policy of the table behind that view',
      ['alter table app.member enable row level security', 'create policy some_of on app.member using (id > 1)'],
    ],
    ['a right to it', ['grant select on app.member to versions_reader']],
    ['row-level security off', ['alter table app.item disable row level security']],
    ['row-level security on', ['alter table app.item enable row level security']],
    ['row-level security for the owner', ['alter table app.item force row level security']],
    ['another owner', ['alter table app.item owner to versions_writer']],
    ['a right to the table', ['grant select on app.item to versions_reader']],
    ['a right to the schema', ['revoke usage on schema app from versions_reader'], ['item', 'log', 'other']],
    ['a right to a column', ['grant update (n) on app.item to versions_reader']],
    ['another replica identity', ['alter table app.item replica identity full']],
    ['another key', ['alter table app.item drop constraint item_pkey', 'alter table app.item add primary key (id, n)']],
    [
      'a partition that is attached',
      [`create table app.log_0 partition of app.log for values from ('2025-01-01') to ('2026-01-01')`],
      ['log'],
    ],
    ['a partition that is detached', ['alter table app.log detach partition app.log_0'], ['log']],
    [
      'a partition that is detached, emptied and attached again',
      [
        `begin; alter table app.log_2 detach partition app.log_2a; delete from app.log_2a; alter table app.log_2 attach partition app.log_2a for values from ('2026-06-01') to ('2027-01-01'); commit`,
      ],
      ['log'],
    ],
    ['TRUNCATE of a partition', ['truncate app.log_1'], ['log']],
    ['another replica identity of a partition', ['alter table app.log_2a replica identity full'], ['log']],
    ['a partition that is dropped', ['drop table app.log_1'], ['log']],
    ['a child by inheritance', ['create table app.child () inherits (app.item)']],
    ['another schema', ['create schema apart', 'alter table app.other set schema apart'], ['other']],
  ];
  for (const [what, statements, tables = ['item']] of changing) {
    await t.test(`${what} makes another version`, async (t) => {
      t.same(await changedBy(...statements), tables);
    });
  }

  const idle = [
    'analyze app.item, app.log',
    'vacuum app.item',
    'vacuum (freeze) app.item',
    'vacuum full app.item',
    'vacuum (freeze) pg_attribute',
    'vacuum full pg_attribute',
    'insert into app.item (id, n) values (1000, 1)',
    'update app.item set n = n where id = 1000',
    'create index item_owner on app.item (owner)',
    'create index concurrently item_amount on app.item (amount)',
    'reindex table concurrently app.item',
    'cluster app.item using item_owner',
    'create table app.unrelated (id int primary key)',
    // The text of a policy's function has the word "shown", but not the schema of this table.
    'create schema tidemark; create table tidemark.shown (id int)',
    `comment on table app.item is 'a thing'`,
    'alter table app.item set (fillfactor = 100)',
    'truncate app.item',
    'create temporary table shown (id int)',
    'create function app.of_nobody() returns int language sql return 1',
  ];
  await client.query(
    'drop table app.child; alter table app.item replica identity default; alter publication app set table app.item, app.log',
  );
  for (const statement of idle) {
    await t.test(`${statement} makes none`, async (t) => {
      t.same(await changedBy(statement), []);
    });
  }

  await t.test('changes the version of roles with their attributes and memberships, for all roles', async (t) => {
    const roles = async () => (await client.query(`select ${ROLES_VERSION_SQL} as version`)).rows[0].version;
    const before = await roles();
    await client.query('set role versions_reader');
    t.equal(await roles(), before);
    await client.query('reset role');
    const seen = new Set([before]);
    for (const statement of [
      'grant versions_group_of_readers to versions_reader',
      'alter role versions_reader bypassrls',
      'alter role versions_group_of_readers rename to readers_together',
      'alter role readers_together rename to versions_group_of_readers; alter role versions_reader nobypassrls; alter role versions_reader noinherit',
    ]) {
      await client.query(statement);
      seen.add(await roles());
    }
    t.equal(seen.size, 5);
  });
});
