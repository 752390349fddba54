/** A foreign database with exactly the documented rights: doctor, migrate, expose, live, remove. */
import { migrate } from '@tidemark/db';
import { startTemporaryStack, withClient } from '@tidemark/local-stack';
import t from 'tap';
import { diagnose, linesOf } from '../src/doctor/doctor.ts';
import { remove } from '../src/remove.ts';
import { databaseState } from './database-state.ts';
import { tidemark } from './tidemark.ts';

const SCHEMA = `
create table artist (artist_id serial primary key, name text);
create table "Track List" ("Id" int primary key, "Title" text not null);
create table users (id bigserial primary key, email text unique, created_at timestamptz not null default now());
alter table users enable row level security;
create table orders (id int primary key, user_id bigint references users on delete cascade);
alter table orders replica identity using index orders_pkey;
create view names as select name from artist;
insert into artist (name) values ('AC/DC');
insert into "Track List" values (1, 'Restless and Wild');`;

const stack = await startTemporaryStack({ nats: false, replica: false });
t.teardown(() => stack.stop());
const { primary } = stack;
await primary.query(`create role app login password 'secret'`);
await primary.query('create database shop');
const administrator = primary.urlOf('shop');
const url = new URL(administrator);
url.username = 'app';
url.password = 'secret';
const app = url.href;
const run = <T = Record<string, unknown>>(as: string, text: string) =>
  withClient(as, async (sql) => [...(await sql.unsafe(text))] as T[]);
await run(administrator, 'grant create on schema public to app');
await run(app, SCHEMA);

const options = { url: app, slot: 'tidemark', publication: 'tidemark', schemas: ['public'], replicates: true };
const problems = async () => (await diagnose(options)).filter(({ kind }) => kind === 'problem');

t.test('doctor names each missing right, and its SQL mends it', async (t) => {
  const first = await problems();
  t.match(
    first.map(({ text }) => text),
    [/"app" may not replicate/, /may not create the schema tidemark/, /the roles anon.* are missing/],
  );
  for (const { remedy } of first) await run(administrator, remedy as string);
  t.same(await problems(), []);
  const lines = linesOf(await diagnose(options));
  t.match(lines, ['note: "app" is no member of pg_monitor: the console does not see other sessions and replicas']);
  t.match(lines.join('\n'), /no member of pg_monitor.*\n {2}grant pg_monitor to "?app"?;/);
  await run(administrator, 'create role anon; create role ops');
  t.match(await problems(), [{ text: /may not use the roles anon, ops/, remedy: /^grant .*anon.*ops.* to .*app.*;$/ }]);
  await run(administrator, 'drop role anon; drop role ops');
  await run(administrator, 'create database other');
  await run(primary.urlOf('other'), `select pg_create_logical_replication_slot('tidemark', 'pgoutput')`);
  t.match(await problems(), [{ text: /slot "tidemark" belongs to the database "other"/, remedy: /RELAY_SLOT=/ }]);
  await run(administrator, `select pg_drop_replication_slot('tidemark')`);
});

t.test('expose, live and remove: what was there before is there afterwards', async (t) => {
  const before = await databaseState(administrator);
  t.equal(await tidemark(app, 'remove'), 'Tidemark is not in this database');
  await migrate(app);
  const note = linesOf(await diagnose(options)).join('\n');
  t.match(
    note,
    `5 tables in public; 0 readable by authenticated\n  npx --no -- tidemark expose 'Track List' --to authenticated`,
  );

  const asReader = (text: string) => run(app, `begin; set local role authenticated; ${text}`);
  await t.rejects(tidemark(app, 'expose', 'nothing', '--to', 'authenticated'), { code: 'CLI_TABLE_UNKNOWN' });
  await t.rejects(tidemark(app, 'expose', 'artist', '--to', 'nobody'), {
    code: 'CLI_ROLE_UNKNOWN',
    hint: /anon, authenticated/,
  });
  await t.rejects(tidemark(app, 'expose', 'artist'), { code: 'CLI_USAGE' });
  const shown = await tidemark(app, 'expose', 'Track List', '--to', 'authenticated', '--dry-run');
  t.match(shown, /grant select on "?public"?\."Track List" to .*;/);
  await t.rejects(asReader('select from "Track List"'), { code: '42501' });
  t.match(await tidemark(app, 'expose', 'Track List', '--to', 'authenticated'), /is exposed .*\n.*sees every row/);
  await asReader('select from "Track List"');
  await t.rejects(asReader(`insert into "Track List" values (2, 'x')`), { code: '42501' });
  t.match(await tidemark(app, 'expose', 'users', '--to', 'authenticated', '--write'), /no policy lets authenticated/);
  await tidemark(app, 'expose', 'artist', '--to', 'authenticated', '--write');
  await asReader(`insert into artist (name) values ('with the sequence'); rollback`);
  t.notMatch(linesOf(await diagnose(options)).join('\n'), 'readable by authenticated');

  for (const table of ['artist', 'Track List', 'orders']) await tidemark(app, 'live', 'enable', table);
  await run(administrator, `select pg_create_logical_replication_slot('tidemark', 'pgoutput')`);
  const during = await databaseState(administrator);
  t.match(await tidemark(app, 'remove', '--dry-run'), /drop schema tidemark cascade;[\s\S]*nothing was changed$/);
  t.same(await databaseState(administrator), during);

  await run(app, 'create view public.epochs_seen as select epoch from tidemark.epochs');
  await t.rejects(tidemark(app, 'remove'), { code: 'CLI_DEPENDENTS', message: /view (public\.)?epochs_seen/ });
  await run(app, 'drop view public.epochs_seen');
  await tidemark(app, 'blueprint', 'load', 'matches');
  await tidemark(app, 'blueprint', 'load', 'sync', '--no-demo');
  const lines: string[] = [];
  const refused = remove({
    url: app,
    slot: 'tidemark',
    publication: 'tidemark',
    dryRun: false,
    print: (line) => lines.push(line),
  });
  await t.rejects(refused, { code: 'CLI_DEPENDENTS', message: /on table sync\.batches/ });
  const drops = lines.map((line) => /^the blueprint \w+ stays.* goes by: (.*)$/.exec(line)?.[1] as string);
  t.match(drops, [/drop table .*public\.matches/, /drop schema .*sync/]);
  await run(app, drops[1] as string);
  t.match(await tidemark(app, 'remove'), /^the blueprint matches stays.*[\s\S]*Tidemark is removed$/);
  await run(app, drops[0] as string);
  t.same(await databaseState(administrator), before);
});
