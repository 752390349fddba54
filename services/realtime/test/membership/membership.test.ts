/** Policies that read other tables: rows enter and leave when those change, without a change of their own. */
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { type HeldQuery, holdQuery } from '../held-query.ts';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const INTERVAL_MS = 50;

/** A table of notes of teams, followed under a policy that says which teams a reader sees. */
const notes = (name: string, policy: string) => `
create table public.${name} (id int primary key, team int references public.teams on delete cascade, body text not null default '');
alter table public.${name} replica identity full;
alter table public.${name} enable row level security;
create policy readers on public.${name} for select to authenticated using (${policy});
grant select on public.${name} to authenticated;
alter publication tidemark add table public.${name};`;

const SETUP = `
create table public.plans (name text primary key, reads boolean not null);
create table public.teams (id int primary key, plan text not null default 'full' references public.plans);
create table public.members (team int references public.teams on delete cascade, name text, seen int not null default 0, primary key (team, name));
create table public.quiet (team int references public.teams on delete cascade, name text, seen int not null default 0, primary key (team, name));
alter publication tidemark add table public.members;
grant select on public.members, public.plans, public.teams, public.quiet to authenticated;
create function public.who() returns text language sql stable as
  $$ select nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub' $$;
create schema private;
create function private.is_member(of int) returns boolean language plpgsql stable security definer set search_path = '' as
  $$ begin return exists (select from public.members m where m.team = of and m.name = public.who()); end $$;
grant usage on schema private to authenticated;
create view public.my_teams as select team from public.members where name = public.who();
grant select on public.my_teams to authenticated;
-- The rows of members are under row-level security too, in what follows of them.
create table public.seats (team int, name text, primary key (team, name));
grant select on public.seats to authenticated;
alter table public.seats enable row level security;
create policy paid on public.seats for select to authenticated
  using (exists (select from public.teams t join public.plans p on p.name = t.plan and p.reads where t.id = seats.team));
alter publication tidemark add table public.seats, public.teams, public.plans;
${notes('pinned', 'exists (select from public.members m where m.team = pinned.team and m.name = public.who())')}
${notes('called', 'private.is_member(team)')}
${notes('viewed', 'team in (select v.team from public.my_teams v)')}
${notes('unpublished', 'exists (select from public.quiet q where q.team = unpublished.team and q.name = public.who())')}
${notes('nested', 'exists (select from public.seats s where s.team = nested.team and s.name = public.who())')}
insert into public.plans values ('full', true), ('none', false);
insert into public.teams values (1), (2), (3);
`;
const TABLES = ['pinned', 'called', 'viewed', 'unpublished', 'nested'];

t.test('policies that read other tables', async (t) => {
  // Only changes of the other tables can be noticed, because rights are not checked again.
  const service = await startTestRealtime(SETUP, {
    LIVE_MEMBERSHIP_MS: String(INTERVAL_MS),
    RIGHTS_CHECK_MS: '600000',
  });
  t.teardown(() => service.stop());
  const clients: LiveClient[] = [];
  const connect = async (name: string) => {
    const client = await new LiveClient(service.url, {
      token: await token({ role: 'authenticated', sub: name }),
    }).open();
    clients.push(client);
    return client;
  };
  const gauge = async (name: string) =>
    Number(new RegExp(`^tidemark_${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(await metricsPage(service.url))?.[1]);
  /** Statistics come when Postgres sees fit, at the latest ten seconds behind the transaction. */
  const write = (text: string) => service.results(`begin; ${text}; commit; select pg_stat_force_next_flush()`);

  t.beforeEach(async () => {
    await write(`truncate ${TABLES.join()}, members, quiet, seats; delete from teams; delete from plans;
      insert into plans values ('full', true), ('none', false); insert into teams values (1), (2), (3)`);
  });
  t.afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await until(() => service.realtime.socketStats().subscriptions === 0, 'the subscriptions to end');
  });

  for (const [table, members] of [
    ['pinned', 'members'],
    ['called', 'members'],
    ['viewed', 'members'],
    ['unpublished', 'quiet'],
    ['nested', 'seats'],
  ] as const) {
    t.test(`${table}: shows the rows to new members, and removes them from former members`, async () => {
      await write(`insert into ${table} values (1, 1), (2, 2); insert into ${members} values (1, 'ann')`);
      const [ann, bob] = [await connect('ann'), await connect('bob')];
      const ofAnn = await holdQuery(ann, 's', table);
      const ofBob = await holdQuery(bob, 's', table);
      await ofAnn.has(1);
      await ofBob.has();
      await write(`insert into ${members} values (2, 'ann')`);
      await ofAnn.has(1, 2);
      await write(`delete from ${members} where team = 1`);
      await ofAnn.has(2);
      await write(`insert into ${members} values (1, 'bob'), (2, 'bob')`);
      await ofBob.has(1, 2);
      // One transaction, in either order.
      await write(
        `delete from ${members} where name = 'bob' and team = 1; update ${table} set body = 'after' where id = 1`,
      );
      await ofBob.has(2);
      await write(`update ${table} set body = 'before' where id = 2; delete from ${members} where name = 'bob'`);
      await ofBob.has();
      await ofAnn.has(2);
    });

    t.test(`${table}: removes rows that are deleted by cascade with the membership`, async () => {
      await write(`insert into ${table} values (1, 1), (2, 2); insert into ${members} values (1, 'ann'), (2, 'ann')`);
      const held = await holdQuery(await connect('ann'), 's', table);
      await held.has(1, 2);
      await write(`delete from ${members} where team = 1; delete from teams where id = 1`);
      await held.has(2);
      await write(`delete from teams where id = 2; delete from ${members} where team = 2`);
      await held.has();
    });
  }

  t.test('follows the tables that the policies of read tables read', async () => {
    await write(`insert into nested values (1, 1); insert into seats values (1, 'ann')`);
    const held = await holdQuery(await connect('ann'), 's', 'nested');
    await held.has(1);
    await write(`update teams set plan = 'none' where id = 1`);
    await held.has();
    await write(`update plans set reads = true where name = 'none'`);
    await held.has(1);
  });

  t.test('does not resync for updates of columns that no policy reads, also of unpublished tables', async (t) => {
    await write(`insert into unpublished values (1, 1), (2, 2); insert into quiet values (1, 'ann')`);
    const looksAfter = async (count: number) => {
      const looks = await gauge('membership_looks');
      await until(async () => (await gauge('membership_looks')) > looks + count, 'looks at the table');
    };
    const held = await holdQuery(await connect('ann'), 's', 'unpublished');
    await held.has(1);
    const update = async () => {
      const before = held.resyncs;
      await write('update quiet set seen = seen + 1');
      await looksAfter(3);
      return held.resyncs > before;
    };
    // The rows that were inserted may count only now, and the first update is compared with nothing: both resync.
    await until(async () => !(await update()), 'an update that resyncs nobody');
    const { resyncs } = held;
    for (let n = 0; n < 3; n += 1) await update();
    t.equal(held.resyncs, resyncs);
    await held.has(1);
    await write('update quiet set team = 2');
    await held.has(2);
  });

  t.test('reads a window again', async (t) => {
    await write(`insert into pinned values (1, 1), (2, 2), (3, 3); insert into members values (1, 'ann'), (3, 'ann')`);
    const held = await holdQuery(await connect('ann'), 's', 'pinned?order=id.desc&limit=2');
    await held.has(1, 3);
    await write(`insert into members values (2, 'ann')`);
    await held.has(2, 3);
    await write(`delete from members where team = 3`);
    await held.has(1, 2);
    t.equal(held.resyncs, 0);
  });

  t.test('resyncs only readers whose claims equal a changed row, and only for columns that are read', async (t) => {
    await write(
      `insert into pinned values (1, 1); insert into members select 1, 'user ' || n from generate_series(1, 50) n`,
    );
    const held: HeldQuery[] = [];
    for (let n = 0; n < 100; n += 1) held.push(await holdQuery(await connect(`user ${n}`), 's', 'pinned'));
    const before = await gauge('membership_resyncs');
    await write(`update members set seen = seen + 1`);
    await write(`insert into members values (1, 'user 70')`);
    await held[70]?.has(1);
    await write(`delete from members where name = 'user 7'`);
    await held[7]?.has();
    await write(`insert into pinned values (2, 1)`);
    for (const n of [1, 50, 70]) await held[n]?.has(1, 2);
    t.equal((await gauge('membership_resyncs')) - before, 2);
    // Facts that were read during the statements of an earlier test may end a subscription for another reason.
    const [reason] = held[7]!.reasons;
    t.same(
      held.flatMap(({ reasons }, n) => (reasons.includes(reason!) ? [`user ${n}: ${reasons.length}`] : [])),
      ['user 7: 1', 'user 70: 1'],
    );
  });

  t.test('resyncs the readers of a busy table once per interval, until they hold its rows', async (t) => {
    await write(`insert into called values (1, 1), (2, 2)`);
    const held = await holdQuery(await connect('ann'), 's', 'called');
    const startedAt = Date.now();
    for (let n = 0; n < 400; n += 1) await service.sql(`insert into members values (1 + $1 % 2, 'other ' || $1)`, [n]);
    await service.sql(`insert into members values (2, 'ann')`);
    await held.has(2);
    const most = 1 + (Date.now() - startedAt) / INTERVAL_MS;
    t.ok(held.resyncs > 0 && held.resyncs <= most, `${held.resyncs} of at most ${most}`);
  });

  for (const [table, members] of [
    ['pinned', 'members'],
    ['unpublished', 'quiet'],
  ] as const) {
    t.test(`${table}: refuses to resume where the rows that the policies read changed meanwhile`, async (t) => {
      await write(`insert into ${table} values (1, 1), (2, 2); insert into ${members} values (1, 'ann')`);
      const ann = await connect('ann');
      const held = await holdQuery(ann, 's', table);
      await until(() => held.position !== undefined, 'a position');
      await ann.close();
      await write(`insert into ${table} values (3, 1)`);
      const still = await connect('ann');
      await still.subscribe('s', table, { after: held.position });
      t.equal((await still.change(() => true)).row?.id, 3, 'nothing that it reads has changed');
      await still.close();
      await write(`insert into ${members} values (2, 'ann')`);
      const again = await connect('ann');
      const topic = await again.subscribe('s', table, { after: held.position });
      await again.frame((frame) => frame.op === 'resync' && frame.topic === topic);
    });
  }
});
