/** `tidemark types`: what it prints is compiled against the client, with uses that must and that must not fit. */
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { migrate, runScript } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { tidemark } from './tidemark.ts';

const TABLES = `
create type public.mood as enum ('good', 'bad "quoted"');
create type public.place as (street text, number int);
create domain public.percent as numeric check (value between 0 and 100);
create table public.league (id int primary key, name text not null, "odd name" text);
create table public.team (
  id bigint generated always as identity primary key,
  league_id int not null references public.league,
  captain_id int unique references public.league (id),
  mood public.mood not null default 'good', homes public.place[], share public.percent,
  facts jsonb not null default '{}', tags text[] not null default '{}', founded date, doubled int generated always as (3 * 2) stored);
comment on column public.team.facts is 'what is known */ of it';
create view public.team_name as select t.id, l.name from public.team t join public.league l on l.id = t.league_id;
create function public.add(a int, b int default 1) returns int language sql immutable as 'select a + b';
create function public.teams_of(league int) returns setof public.team language sql stable as 'select * from public.team where league_id = league';
create function public.counts() returns table (name text, teams bigint) language sql stable as 'select name, 1::bigint from public.league';
create schema other; create table other.thing (id uuid primary key);`;

const USES = `
import { createClient } from '@tidemark/client';
import { PostgrestClient } from '@supabase/postgrest-js';
import type { Database } from './database.ts';

const client = createClient<Database>('http://127.0.0.1:9');
export const plain = new PostgrestClient<Database>('http://127.0.0.1:9');

export async function reads() {
  const { data } = await client.from('team').select('id,mood,homes,share,facts,league!team_league_id_fkey(name)');
  const row = data![0]!;
  const mood: 'good' | 'bad "quoted"' = row.mood;
  const name: string = row.league.name;
  const number: number | null = row.homes![0]!.number;
  const { data: views } = await client.from('team_name').select();
  const viewed: string | null = views![0]!.name;
  const { data: sum } = await client.rpc('add', { a: 1 });
  const { data: teams } = await client.rpc('teams_of', { league: 1 });
  const { data: counted } = await client.rpc('counts');
  const { data: other } = await client.schema('other').from('thing').select();
  return [mood, name, number, viewed, sum! + 1, teams![0]!.tags.length, counted![0]!.teams + 1, other![0]!.id.length];
}

export async function follows() {
  for await (const event of client.from('team').select('id,mood').eq('league_id', 1).live()) {
    if (event.type === 'insert') return event.row.mood === 'good';
  }
  const rows = (await client.from('league').select().live().ready()).rows;
  return rows[0]!['odd name'];
}

export async function writes() {
  await client.from('team').insert({ league_id: 1 });
  await client.from('team').update({ tags: ['a'] }).eq('id', 1);
  // @ts-expect-error league_id is missing
  await client.from('team').insert({ tags: [] });
  // @ts-expect-error a generated column
  await client.from('team').update({ doubled: 1 });
  // @ts-expect-error no such value
  await client.from('team').insert({ league_id: 1, mood: 'sad' });
  // @ts-expect-error no such table
  client.from('nothing');
  // @ts-expect-error no such column in what is followed
  for await (const event of client.from('league').select('id').live()) if (event.type === 'enter') return event.row.name;
}
`;

t.test('the generated types of a database fit the client', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  // Below the package, where its dependencies are found.
  const folder = join(import.meta.dirname, `types-${process.pid}`);
  t.teardown(async () => {
    await rm(folder, { recursive: true, force: true });
    await database.drop();
  });
  await migrate(database.primaryUrl);
  await runScript(database.primaryUrl, TABLES);

  await t.rejects(tidemark(database.primaryUrl, 'types', '--schema', 'nowhere'), {
    code: 'CLI_SCHEMA_UNKNOWN',
    hint: /other, public, tidemark|public/,
  });
  const text = await tidemark(database.primaryUrl, 'types', '--schema', 'public', '--schema', 'other');
  t.match(text, 'what is known *\\/ of it');
  t.match(text, /foreignKeyName: "team_captain_id_fkey";\s+columns: \["captain_id"\];\s+isOneToOne: true;/);
  t.match(text, /share: number \| null;/, 'a domain is what it is made of');

  await mkdir(folder);
  await writeFile(join(folder, 'database.ts'), text);
  await writeFile(join(folder, 'uses.ts'), USES);
  const tsc = join(import.meta.dirname, '..', 'node_modules', '.bin', 'tsc');
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2023'];
  const flags = [...options, '--allowImportingTsExtensions', '--noUncheckedIndexedAccess', join(folder, 'uses.ts')];
  const compiled = await promisify(execFile)(tsc, flags).catch((error: { stdout: string }) => error);
  t.equal(compiled.stdout, '');
});
