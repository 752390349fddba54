/** Tests that a failure of one table or one RLS group delays no other. */

import { connectBus } from '@tidemark/bus';
import { CHANGE_HEADERS, envelopeId, lsnToHex, parseLsn, parsePosition } from '@tidemark/contracts';
import { useTestStack } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime } from '../test-realtime.ts';

const SETUP = `
create function public.judge(kind text) returns bool language plpgsql as $$
begin
  if kind = 'endless' then raise exception 'as if it took too long' using errcode = '57014'; end if;
  return true;
end $$;
create table public.judged (id int primary key, kind text);
create table public.other (id int primary key, kind text);
create table public.plain (id int primary key, kind text);
alter table public.judged replica identity full;
alter table public.other replica identity full;
alter table public.judged enable row level security;
alter table public.other enable row level security;
create policy by_kind on public.judged using (public.judge(kind));
create policy by_kind on public.other using (kind = 'x');
grant select on all tables in schema public to anon;
create type public.pair as (a int, b int);
create table public.members (kind text);
create table public.shared (id int primary key, kind text);
create table public.pairs (id int primary key, pair public.pair);
alter table public.shared replica identity full;
alter table public.shared enable row level security;
create policy of_members on public.shared using (exists (select from public.members m where m.kind = shared.kind));
grant select on public.members, public.shared, public.pairs to anon;
alter publication tidemark add table public.judged, public.other, public.plain, public.members, public.shared, public.pairs;`;

t.test('an instance of which one table fails', async (t) => {
  const service = await startTestRealtime(SETUP, { LIVE_RIGHTS_CONCURRENCY: '1' });
  t.teardown(() => service.stop());
  const follow = async (query: string, more = {}) => {
    const client = await new LiveClient(service.url).open();
    await client.subscribe('s', query, more);
    return client;
  };

  t.test('resyncs only the group whose policy never ends in time', async (t) => {
    const judged = await follow('judged');
    const other = await follow('other');
    await service.sql(`insert into judged values (1, 'endless')`);
    await service.sql(`insert into other values (1, 'x')`);
    t.match(await judged.frame(({ op }) => op === 'resync'), { reason: /could not be decided in time/ });
    t.match(await other.change(({ row }) => row?.id === 1), { type: 'insert' });
    await Promise.all([judged.close(), other.close()]);
  });

  t.test('resyncs the subscribers of a table with an invalid envelope, also those that resume before it', async (t) => {
    const plain = await follow('plain');
    const other = await follow('other');
    await service.sql(`insert into plain values (1, 'x')`);
    const first = await plain.frame(({ op }) => op === 'changes');
    const stack = await useTestStack();
    const bus = await connectBus({ url: stack.natsUrl, name: 'unreadable', prefix: service.prefix });
    const [row] = await service.sql('select pg_current_wal_lsn()::text as lsn');
    const lsn = lsnToHex(parseLsn(row?.lsn));
    const { epoch } = parsePosition(first.position);
    await bus.store(bus.subjects.changes('public', 'plain'), '{"changes":[{"type":"ins', {
      [CHANGE_HEADERS.id]: envelopeId(epoch, lsn, 1),
      [CHANGE_HEADERS.epoch]: epoch,
      [CHANGE_HEADERS.lsn]: lsn,
      [CHANGE_HEADERS.xid]: '7',
    });
    t.match(await plain.frame(({ op }) => op === 'resync'), { reason: 'a change could not be read' });
    const resumed = await follow('plain', { after: first.position });
    t.match(await resumed.frame(({ op }) => op === 'resync'), { reason: 'a change could not be read' });
    await plain.subscribe('again', 'plain', { snapshot: true });
    await service.sql(`insert into other values (2, 'x')`);
    await service.sql(`insert into plain values (2, 'x')`);
    await other.change(({ row }) => row?.id === 2);
    await plain.change(({ row }) => row?.id === 2);
    t.notOk(other.frames.some(({ op }) => op === 'resync'));
    await Promise.all([plain.close(), other.close(), resumed.close(), bus.close()]);
  });

  t.test('does not delay other tables by a locked table', async (t) => {
    const shared = await follow('shared');
    const other = await follow('other');
    const pairs = await follow('pairs');
    const lock = new pg.Client(service.database.primaryUrl);
    await lock.connect();
    await lock.query('begin; lock table public.members; alter type public.pair add attribute c int');
    // Its policy reads the locked table, and the relay asks Postgres for the JSON of the type.
    await service.sql(`insert into shared values (1, 'x')`);
    await service.sql(`insert into other values (10, 'x')`);
    t.match(await other.change(({ row }) => row?.id === 10), { type: 'insert' });
    const late = await follow('other?id=gt.9', { snapshot: true });
    t.match(await late.frame(({ op }) => op === 'snapshot'), { rows: [{ id: 10 }] });
    const reader = await new LiveClient(service.url).open();
    reader.send({ op: 'subscribe', id: 'locked', query: 'members', snapshot: true });
    t.match(await reader.frame(({ op }) => op === 'error'), { code: 'RT_TABLE_LOCKED', retry: true });
    await lock.query('rollback; insert into public.members values (null)');
    await service.sql(`insert into members values ('x')`);
    await lock.end();
    await Promise.all([shared, other, pairs, late, reader].map((client) => client.close()));
  });
});
