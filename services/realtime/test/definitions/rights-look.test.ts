/** Tests that a check of rights reports each change that may affect what a role may follow, and nothing else. */
import { openDatabase } from '@tidemark/db';
import t from 'tap';
import { AnnouncedDefinitions } from '../../src/definitions/announced-definitions.ts';
import { lookAtRights } from '../../src/definitions/rights-look.ts';
import { SESSION_SETTINGS } from '../../src/session-settings.ts';
import { createFactsCache } from '../../src/tables/facts-cache.ts';
import { startTestRealtime } from '../test-realtime.ts';

const SETUP = `
create schema aside;
create table aside.members (team int, name text);
create function public.inner_check(team int) returns boolean language plpgsql stable as
  $$ begin return exists (select from aside.members m where m.team = $1); end $$;
create function public.check_team(team int) returns boolean language plpgsql stable as $$ begin return public.inner_check(team); end $$;
create table public.notes (id int primary key, team int);
create table public.others (id int primary key);
alter table public.notes enable row level security;
create policy shown on public.notes for select using (public.check_team(team));
grant select on public.notes to authenticated;
alter publication tidemark add table public.notes;`;

const CHANGES = [
  'alter table notes add column more int',
  'create policy more on notes using (true)',
  'grant select (id) on notes to anon',
  'revoke usage on schema public from public',
  'grant usage on schema public to public',
  'grant service_role to authenticated',
  'revoke service_role from authenticated',
  `create or replace function public.inner_check(team int) returns boolean language plpgsql stable as
    $$ begin return exists (select from aside.members m where m.team = $1 and m.name <> ''); end $$`,
  'alter table aside.members add column more int',
  'alter table aside.members rename column more to less',
  'alter table aside.members drop column less',
  'alter table aside.members enable row level security',
  'create policy few on aside.members using (team > 1)',
  'alter table aside.members owner to service_role',
  'create table public.inner_check (id int)',
  `alter role authenticated set request.kind = 'a'`,
  'alter role authenticated reset request.kind',
  'alter publication tidemark add table aside.members',
  `alter publication tidemark set (publish = 'insert')`,
  `alter publication tidemark set (publish = 'insert, update, delete, truncate')`,
];

const OF_NO_IMPORTANCE = [
  'insert into notes values (1, 1); insert into aside.members values (1, null)',
  'analyze',
  'create index on others (id)',
  'truncate others',
  'create temp table fleeting (id int)',
];

t.test('a look at rights finds what may have changed for a role', async (t) => {
  const service = await startTestRealtime(SETUP, { RIGHTS_CHECK_MS: '600000' });
  t.teardown(() => service.stop());
  const { primaryUrl } = service.database;
  const database = await openDatabase({ primaryUrl, applicationName: 'look', settings: SESSION_SETTINGS });
  t.teardown(() => database.close());
  const [read] = await service.sql<{ oid: number }>(`select 'aside.members'::regclass::oid::int as oid`);
  const notes = { schema: 'public', table: 'notes' };
  const look = async () => (await lookAtRights(database.pools.write, 'tidemark', [notes], [read!.oid])).of(notes);
  let last = await look();
  for (const change of CHANGES) {
    await service.sql(change);
    const now = await look();
    t.not(now, last, `tells something new after ${change}`);
    last = now;
  }
  for (const change of OF_NO_IMPORTANCE) {
    await service.sql(change);
    t.equal(await look(), last, `tells nothing new after ${change}`);
  }

  const options = { database, publication: 'tidemark', announced: new AnnouncedDefinitions(), sharePercent: 100 };
  const facts = createFactsCache(options);
  const identity = { role: 'authenticated', claims: '{}' };
  const version = async () =>
    facts.version(identity, 'public', 'notes', (await facts.look([notes], [read!.oid]))?.of(notes));
  const before = await version();
  t.equal(await version(), before);
  await service.sql('drop policy more on notes');
  t.not(await version(), before, 'facts are read again once a look tells something new');

  const known = await facts.since(performance.now(), identity, 'public', 'notes', 'asker');
  t.equal(await facts.hasChanged(known, identity), false);
  for (const [gone, back] of [
    ['revoke usage on schema public from public', 'grant usage on schema public to public'],
    ['revoke select on notes from authenticated', 'grant select on notes to authenticated'],
  ] as const) {
    const held = await facts.since(performance.now(), identity, 'public', 'notes', 'asker');
    await service.sql(gone);
    await service.sql(back);
    t.equal(await facts.hasChanged(held, identity), true, `${gone}, and back, is a change`);
  }
  await database.close();
  t.equal(await facts.hasChanged(known, identity), true, 'facts that cannot be read may have changed');
});
