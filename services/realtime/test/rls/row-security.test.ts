/** Tests that hidden rows are never sent: not as rows, not as old rows, not as keys. */

import { formatTidemark, parseLsn, parsePosition } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { policySql } from '../../src/tables/table-facts.ts';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create table public.members (team text, name text, primary key (team, name));
create table public.notes (id int primary key, team text not null, body text, visible boolean not null default true);
alter table public.notes replica identity full;
alter table public.notes enable row level security;
create function public.who() returns text language sql stable as
  $$ select nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub' $$;
-- A subquery that names the table's own columns, a function, and a restrictive policy.
create policy team on public.notes for select to authenticated
  using (exists (select from public.members m where m.team = notes.team and m.name = public.who()));
create policy own on public.notes for select to authenticated using (team = 'everyone' or team = public.who());
create policy shown on public.notes as restrictive for select to public using (visible);
grant select on public.notes, public.members to authenticated, anon;
grant select on public.notes to service_role;
-- Of members too, so that it is known whether they changed behind a position.
alter publication tidemark add table public.notes, public.members;
create table public.bare (id int primary key);
alter table public.bare enable row level security;
create policy all_rows on public.bare to public using (true);
grant select on public.bare to anon;
alter publication tidemark add table public.bare;
create table public.faulty (id int primary key, n int);
alter table public.faulty replica identity full;
alter table public.faulty enable row level security;
create policy divides on public.faulty to public using (1 / n > 0);
grant select on public.faulty to anon;
alter publication tidemark add table public.faulty;
insert into public.members values ('red', 'ann');
insert into public.notes values (1, 'red', 'red one', true), (2, 'blue', 'blue one', true), (3, 'everyone', 'for all', true),
  (4, 'red', 'hidden', false);
`;

t.test('joins policies as Postgres does', async (t) => {
  t.equal(policySql([]), 'false');
  t.equal(policySql([{ permissive: false, using: 'a' }]), 'false', 'a restrictive policy alone shows nothing');
  const both = [
    { permissive: true, using: 'a' },
    { permissive: true, using: 'b' },
    { permissive: false, using: 'c' },
    { permissive: false, using: null },
  ];
  t.equal(policySql(both), '((a) or (b)) and (c) and (true)');
});

t.test('row-level security on changes', async (t) => {
  const service = await startTestRealtime(SETUP);
  t.teardown(() => service.stop());
  const connect = async (name: string, role = 'authenticated') =>
    new LiveClient(service.url, { token: await token({ role, sub: name }) }).open();

  t.test('sends each user the rows that the policies show, and no trace of the rest', async (t) => {
    const ann = await connect('ann');
    const bob = await connect('bob');
    const all: string[] = [];
    for (const client of [ann, bob]) client.ws.on('message', (data) => all.push(String(data)));
    const query = 'notes?select=id,team,body';
    await Promise.all([ann, bob].map((client) => client.subscribe('s', query, { snapshot: true })));
    const rows = (client: LiveClient) =>
      client.frames.flatMap((frame) => (frame.op === 'snapshot' ? frame.rows : [])).map((row) => row.id);
    t.same(rows(ann), [1, 3]);
    t.same(rows(bob), [3]);

    await service.sql(`insert into notes values (10, 'blue', 'unseen 1'), (11, 'red', 'seen by ann')`);
    await service.sql(`update notes set body = 'unseen 2' where id = 10`);
    await service.sql(`update notes set team = 'red', body = 'moved to red' where id = 10`);
    await service.sql(`update notes set team = 'blue', body = 'unseen 3' where id = 10`);
    await service.sql(`delete from notes where id = 10`);
    await service.sql(`update notes set visible = false, body = 'unseen 4' where id = 11`);
    await service.sql(`delete from notes where id in (2, 4, 11)`);
    await service.sql(`insert into notes values (12, 'everyone', 'the end')`);
    await Promise.all([ann, bob].map((client) => client.change((change) => change.row?.body === 'the end')));
    t.same(ann.changes(), [
      { type: 'insert', row: { id: 11, team: 'red', body: 'seen by ann' } },
      { type: 'enter', row: { id: 10, team: 'red', body: 'moved to red' } },
      { type: 'leave', old: { id: 10, team: 'red', body: 'moved to red' } },
      { type: 'leave', old: { id: 11, team: 'red', body: 'seen by ann' } },
      { type: 'insert', row: { id: 12, team: 'everyone', body: 'the end' } },
    ]);
    t.same(bob.changes(), [{ type: 'insert', row: { id: 12, team: 'everyone', body: 'the end' } }]);
    t.notMatch(all.join(), /unseen|hidden/);
    await Promise.all([ann.close(), bob.close()]);
  });

  t.test('evaluates the policies for resumed changes', async (t) => {
    const client = await connect('ann');
    await client.subscribe('s', 'notes?select=id,team', { snapshot: true });
    await service.sql(`insert into notes values (20, 'red', '')`);
    await client.change(() => true);
    const { position } = await client.frame((frame) => frame.op === 'changes');
    await client.close();
    await service.sql(`insert into notes values (21, 'blue', ''), (22, 'red', ''), (23, 'everyone', '')`);
    for (const [name, ids] of [
      ['ann', [22, 23]],
      ['bob', [23]],
    ] as const) {
      const again = await connect(name);
      await again.subscribe('s', 'notes?select=id,team', { after: position });
      await again.change((change) => change.row?.id === 23);
      t.same(
        again.changes().map((change) => change.row?.id),
        ids,
      );
      await again.close();
    }
  });

  t.test('misses nothing when a client resumes while the policies are evaluated', async (t) => {
    await service.sql(`create table public.slow (id int primary key, team text); alter table public.slow replica identity full;
      alter table public.slow enable row level security; grant select on public.slow to authenticated;
      create function public.when_free() returns boolean language plpgsql as
        $$ begin perform pg_advisory_xact_lock_shared(7); return true; end $$;
      create policy when_free on public.slow for select to authenticated using (public.when_free());
      alter publication tidemark add table public.slow;`);
    // Without replicas, so that all questions meet the one lock.
    const alone = await service.another({ DATABASE_REPLICA_URLS: '', RELAY: 'false' });
    const ann = await token({ role: 'authenticated', sub: 'ann' });
    const open = () => new LiveClient(alone.url, { token: ann }).open();
    const first = await open();
    const second = await open();
    await first.subscribe('s', 'slow');
    await service.sql(`insert into slow values (1, 'red')`);
    const { position } = await first.frame((frame) => frame.op === 'changes');
    // Behind the first row, so that nothing of it has to be asked again.
    await service.sql(`select pg_logical_emit_message(true, 'test', 'behind')`);
    const [{ lsn = '' } = {}] = await service.sql<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
    const after = formatTidemark(parsePosition(position).epoch, parseLsn(lsn));
    const owner = new pg.Client(service.database.primaryUrl);
    await owner.connect();
    await owner.query('select pg_advisory_lock(7)');
    await service.sql(`insert into slow values (2, 'red')`);
    await until(async () => {
      const [row] =
        await service.sql(`select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`);
      return row?.n > 0;
    }, 'the policy to be asked');
    await second.subscribe('s', 'slow?team=eq.red', { after });
    await owner.end();
    await service.sql(`insert into slow values (3, 'red')`);
    for (const [client, ids] of [
      [first, [1, 2, 3]],
      [second, [2, 3]],
    ] as const) {
      await client.change((change) => change.row?.id === 3);
      t.same(
        client.changes().map((change) => change.row?.id),
        ids,
      );
      await client.close();
    }
    await alone.stop();
  });

  t.test('ends the subscriptions of a socket with another identity, and keeps those of the same one', async (t) => {
    const client = await connect('ann');
    const topic = await client.subscribe('s', 'notes?select=id,team', { snapshot: true });
    client.send({ op: 'auth', token: await token({ role: 'authenticated', sub: 'ann' }, 700) });
    await client.frame((frame) => frame.op === 'ready', 3);
    await service.sql(`insert into notes values (30, 'red', '')`);
    await client.change((change) => change.row?.id === 30);
    client.send({ op: 'auth', token: await token({ role: 'authenticated', sub: 'bob' }) });
    t.match(await client.frame((frame) => frame.op === 'resync'), { topic, reason: /identity/ });
    await client.subscribe('s', 'notes?select=id,team');
    await service.sql(`insert into notes values (31, 'red', ''), (32, 'everyone', '')`);
    await client.change((change) => change.row?.id === 32);
    t.notOk(client.changes().some((change) => change.row?.id === 31));
    await client.close();
  });

  t.test('shows nothing to a role without a policy, and rejects a table without whole old rows', async (t) => {
    const client = await new LiveClient(service.url).open();
    await client.subscribe('s', 'notes', { snapshot: true });
    await service.sql(`insert into notes values (40, 'everyone', '')`);
    t.match(await client.refusal('b', 'bare'), { code: 'RT_OLD_ROWS_NEEDED' });
    const ann = await connect('ann');
    await ann.subscribe('s', 'notes');
    await service.sql(`insert into notes values (41, 'everyone', '')`);
    await ann.change((change) => change.row?.id === 41);
    t.same(client.changes(), []);
    t.same(
      client.frames.flatMap((frame) => (frame.op === 'snapshot' ? frame.rows : [])),
      [],
    );
    await Promise.all([client.close(), ann.close()]);
  });

  t.test('resyncs subscriptions after a changed policy', async (t) => {
    const client = await connect('bob');
    const topic = await client.subscribe('s', 'notes?select=id');
    await service.sql(`alter policy own on notes using (team = 'nobody')`);
    t.match(await client.frame((frame) => frame.op === 'resync'), { topic, reason: /policies/ });
    await client.close();
  });

  t.test('resyncs only the subscribers that a failing row may concern', async (t) => {
    const client = await new LiveClient(service.url).open();
    const ann = await connect('ann');
    const concerned = await client.subscribe('f', 'faulty');
    const other = await client.subscribe('other', 'faulty?id=gt.100');
    await ann.subscribe('s', 'notes?select=id');
    await service.sql(`insert into faulty select n, case n when 7 then 0 else 1 end from generate_series(1, 105) n`);
    await service.sql(`insert into notes values (50, 'red', '')`);
    t.match(await client.frame((frame) => frame.op === 'resync'), {
      topic: concerned,
      reason: 'the row-level security of the table could not be decided for a row',
    });
    await client.change(({ row }) => row?.id === 105);
    t.same(
      client.changes(other).map(({ row }) => row?.id),
      [101, 102, 103, 104, 105],
    );
    t.same(client.changes(concerned), []);
    await ann.change((change) => change.row?.id === 50);
    // The snapshot after the resync contains the same row.
    t.match(await client.refusal('f', 'faulty', { snapshot: true }), { code: 'RT_ROWS_FAILED' });
    await Promise.all([client.close(), ann.close()]);
  });

  t.test('ends only the group of a policy that fails for any row', async (t) => {
    await service.sql(`create table public.unruly (id int primary key); alter table public.unruly replica identity full;
      alter table public.unruly enable row level security; grant select on public.unruly to anon;
      create schema hidden; create function hidden.yes(int) returns bool language sql as 'select true';
      create policy hidden on public.unruly to public using (hidden.yes(id)); alter publication tidemark add table public.unruly;`);
    const client = await new LiveClient(service.url).open();
    const ann = await connect('ann');
    await client.subscribe('f', 'unruly');
    await ann.subscribe('s', 'notes?select=id');
    await service.sql(`insert into unruly values (1)`);
    await service.sql(`insert into notes values (51, 'red', '')`);
    t.match(await client.frame((frame) => frame.op === 'error'), {
      id: 'f',
      code: 'RT_POLICY_FAILED',
      message: /^a row-level security policy of unruly failed: SQLSTATE 42501$/,
    });
    await ann.change((change) => change.row?.id === 51);
    await until(() => service.realtime.socketStats().subscriptions === 1, 'the class to end');
    t.same(client.changes(), []);
    await Promise.all([client.close(), ann.close()]);
  });
});
