/** Tests which reads may share a transaction: those that run no user's function. */
import { parseQuery } from '@tidemark/query';
import t from 'tap';
import { loadCatalog } from '../../src/catalog/load.ts';
import { isSessionSafe } from '../../src/read/session-safe.ts';
import { openPlanDatabase } from '../plan-database.ts';

const SCRIPT = `
create type mood as enum ('sad', 'happy');
create type tone as enum ('low', 'high');
create function tone_as_json(tone) returns json language sql as $$ select '{}'::json $$;
create cast (tone as json) with function tone_as_json(tone);
create domain short as text check (length(value) < 9);
create function mine(text) returns boolean language sql stable as $$ select true $$;

create table public.club (id int primary key, name text, mood mood, tags text[], data jsonb, at timestamptz);
create table public.player (id int primary key, club_id int references club, owner text);
alter table player enable row level security;
create policy own on player using (owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
create table public.fan (id int primary key, club_id int references club, owner text);
alter table fan enable row level security;
create policy called on fan using (mine(owner));
create table public.meddler (id int primary key, owner text);
alter table meddler enable row level security;
create policy sets on meddler using (set_config('request.jwt.claims', '{}', true) is not null);
create table public.guest (id int primary key);
alter table guest enable row level security;
create policy follows on guest using (exists (select from fan));
create table public.toned (id int primary key, tone tone);
create table public.shortened (id int primary key, name short);
create table public.made (id int primary key, twice int generated always as (id * 2) virtual);
create table public.split (id int primary key) partition by list (id);
create view public.clubs as select * from club;
create function public.loud(club) returns text language sql stable as $$ select upper($1.name) $$;
create table public.club_guest (club_id int references club, guest_id int references guest, primary key (club_id, guest_id));
`;

const db = await openPlanDatabase(t, SCRIPT);

async function sessionSafe(...reads: string[]): Promise<Record<string, boolean>> {
  const catalog = await loadCatalog(db.pools.admin, ['public']);
  const ask = (read: string) => {
    const [table = '', search = ''] = read.split('?');
    return isSessionSafe(catalog, catalog.relation('public', table)!, parseQuery(search));
  };
  return Object.fromEntries(reads.map((read) => [read, ask(read)]));
}
const all = (value: boolean, ...reads: string[]) => Object.fromEntries(reads.map((read) => [read, value]));

t.test('is true for tables with types, operators and policies of Postgres’s own', async (t) => {
  const reads = [
    'club',
    'player?id=eq.1',
    'split',
    'club?select=id,name::text,player(id)&mood=eq.sad&or=(id.gt.1,tags.cs.{a})&order=name.desc&limit=3',
    'player?select=*,club!inner(name)&club.name=like.a*',
    'club?select=count(),id.sum()&data->>a=eq.1',
  ];
  t.same(await sessionSafe(...reads), all(true, ...reads));
});

t.test('is false where a function of a user runs, or one that changes the session', async (t) => {
  const reads = ['fan', 'meddler', 'guest', 'toned', 'shortened', 'made', 'clubs', 'club?select=loud'];
  reads.push('club?loud=eq.A', 'club?order=loud', 'club?select=name::short', 'club?select=id,fan(id)');
  reads.push('club?select=id,guest(id)', 'player?select=id,club(loud)', 'player?select=id,club(id)&order=club(name)');
  t.same(await sessionSafe(...reads), all(false, ...reads));
});

for (const [what, make, drop] of [
  ['function', 'function lower(int) returns text language sql as $$ select $1::text $$', 'function lower(int)'],
  ['operator', 'operator @> (leftarg = int, rightarg = int, function = int4eq)', undefined],
  ['operator', 'operator <@ (leftarg = int, rightarg = int, function = same)', 'operator <@ (int, int)'],
  ['cast', 'cast (int as text) with function as_text(int)', 'cast (int as text)'],
] as const) {
  t.test(`is false for a ${what} that could be mistaken for one of Postgres’s: ${make}`, async (t) => {
    const { admin } = db.pools;
    await admin.query(
      'create or replace function same(int, int) returns boolean language sql as $$ select $1 is not distinct from $2 $$',
    );
    await admin.query('create or replace function as_text(int) returns text language sql as $$ select $1::text $$');
    await admin.query(`create ${make}`);
    t.same(await sessionSafe('club'), { club: drop === undefined });
    if (drop === undefined) return;
    await admin.query(`drop ${drop}`);
    t.same(await sessionSafe('club'), { club: true });
  });
}
