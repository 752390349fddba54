/** `tidemark live` on a real database. */
import { migrate } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import postgres from 'postgres';
import t from 'tap';
import { tidemark } from './tidemark.ts';

t.test('makes tables live, and takes that back', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  await migrate(database.primaryUrl);
  const sql = postgres(database.primaryUrl, { max: 1, onnotice: () => {} });
  t.teardown(async () => {
    await sql.end();
    await database.drop();
  });
  await sql.unsafe(`
    create table notes (id int primary key, owner text, body text);
    create table "Odd.name" (a int, b int);
    create table secrets (id int primary key, owner text);
    grant select on notes, secrets to authenticated;
    alter table secrets enable row level security;
    create policy own on secrets for select using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
    create policy odd on secrets for select using (ctid is not null);
    create table parts (id int primary key, at int) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (10);
    create unlogged table gone (id int primary key);
    create view seen as select 1 as id`);
  const command = (...args: string[]) => tidemark(database.primaryUrl, ...args);
  const state = async (table: string) => {
    const [row] = await sql`select relreplident as identity, exists (select from pg_publication_tables
      where pubname = 'tidemark' and schemaname = 'public' and tablename = relname) as published
      from pg_class where relname = ${table} and relnamespace = 'public'::regnamespace`;
    return `${row?.identity} ${row?.published}`;
  };

  t.match(
    await command('live', 'enable', 'notes'),
    /public\.notes is live\n.*whole old row[\s\S]*authenticated may follow/,
  );
  t.equal(await state('notes'), 'f true');
  t.match(await command('live', 'enable', 'public.notes', '--key-only'), /was live already\n.*key/);
  t.equal(await state('notes'), 'd true');
  t.match(await command('live', 'enable', 'public.Odd.name'), /without a primary key[\s\S]*nobody may read it yet/);
  t.equal(await state('Odd.name'), 'f true');
  t.match(await command('live', 'enable', 'secrets'), /policies show: odd, own\n.*policy odd cannot decide/);
  t.match(await command('live', 'enable', 'parts'), /a partition that is made later/);
  t.equal(await state('parts_1'), 'f false', 'the partition has what counts; its root is published');
  t.equal(await state('parts'), 'f true');
  t.match(
    await command('live', 'list'),
    /public\.notes {2}keys of old rows, no row-level security, read by authenticated/,
  );

  await t.rejects(command('live', 'enable', 'secrets', '--key-only'), { code: 'CLI_NOT_LIVE' });
  await t.rejects(command('live', 'enable', 'Odd.name', '--key-only'), { code: 'CLI_TABLE_UNKNOWN' });
  await t.rejects(command('live', 'enable', 'gone'), { code: 'CLI_NOT_LIVE' });
  await t.rejects(command('live', 'enable', 'seen'), { code: 'CLI_NOT_LIVE' });
  await t.rejects(command('live', 'enable', 'nothing'), { code: 'CLI_TABLE_UNKNOWN' });
  await t.rejects(command('live', 'enable'), { code: 'CLI_USAGE' });

  t.match(await command('live', 'disable', 'parts'), /no longer live/);
  t.equal(await state('parts'), 'd false');
  t.equal(await state('parts_1'), 'd false');
  t.match(await command('live', 'disable', 'parts'), /was not live/);
});
