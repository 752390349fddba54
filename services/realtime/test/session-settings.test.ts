/** Tests that settings of the database change neither values nor the results of policies. */
import t from 'tap';
import { LiveClient } from './live-client.ts';
import { startTestRealtime, token } from './test-realtime.ts';

const SETTINGS = {
  datestyle: `'German, DMY'`,
  timezone: `'Asia/Tokyo'`,
  intervalstyle: 'iso_8601',
  bytea_output: 'escape',
  extra_float_digits: '-6',
  search_path: 'elsewhere, pg_catalog',
  array_nulls: 'off',
  quote_all_identifiers: 'on',
  default_transaction_isolation: `'repeatable read'`,
};

/** The policy's function names a table without its schema, as it may in a request for the schema `public`. */
const SETUP = `
create schema elsewhere;
create function elsewhere.format_type(oid, int) returns text language sql as $$ select 'text' $$;
create type public.mood as enum ('so so', 'glad');
create table public.teams (name text primary key);
insert into public.teams values ('red');
create function public.is_team(team text) returns boolean language sql stable as $$ select exists (select from teams where name = team) $$;
create table public.told (id int primary key, team text not null default 'red', day date not null default '2026-02-01',
  at timestamptz not null default '2026-02-01 10:00+00', length interval not null default '1 mon -2 days 03:04:05',
  bytes bytea not null default '\\x00ff', part float8 not null default 0.1::float8 + 0.2::float8, moods mood[] not null default '{so so,NULL}');
alter table public.told replica identity full;
alter table public.told enable row level security;
create policy teams on public.told for select to authenticated using (public.is_team(team));
grant select on public.told, public.teams to authenticated;
alter publication tidemark add table public.told;
insert into public.told (id) values (1);`;

const ROW = {
  day: '2026-02-01',
  at: '2026-02-01T10:00:00+00:00',
  length: '1 mon -2 days +03:04:05',
  bytes: '\\x00ff',
  part: 0.30000000000000004,
  moods: ['so so', null],
};

t.test('settings of the database', async (t) => {
  const service = await startTestRealtime(SETUP, {}, SETTINGS);
  t.teardown(() => service.stop());
  const client = await new LiveClient(service.url, { token: await token({ role: 'authenticated' }) }).open();
  const columns = 'select=id,day,at,length,bytes,part,moods';
  await service.replayed();

  await t.test('prints values of snapshots, windows and changes in one form', async (t) => {
    const query = `told?${columns}&day=eq.2026-02-01&at=lt.2026-02-01T10:00:01Z`;
    const all = await client.subscribe('all', query, { snapshot: true });
    const window = await client.subscribe('window', `${query}&order=id&limit=9`, { snapshot: true });
    for (const topic of [all, window]) {
      const { rows } = await client.frame((frame) => frame.op === 'snapshot' && frame.topic === topic);
      t.same(rows, [{ id: 1, ...ROW }]);
    }
    await service.sql(`insert into public.told (id, team) values (2, 'red'), (3, 'blue')`);
    for (const topic of [all, window]) {
      const { changes } = await client.frame((frame) => frame.op === 'changes' && frame.topic === topic);
      t.match(changes, [{ row: { id: 2, ...ROW } }]);
      t.equal(changes.length, 1);
    }
  });
  await client.close();
});
