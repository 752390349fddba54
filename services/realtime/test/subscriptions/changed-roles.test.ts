/** Postgres keeps the row-level security of a role in its plans. After a change of the role, snapshots, windows and changes have the present one. */
import { randomUUID } from 'node:crypto';
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create table public.notes (id int primary key, body text not null default '');
alter table public.notes replica identity full;
alter table public.notes enable row level security;
create table public.shared (note int primary key);
alter table public.shared enable row level security;
create table public.listed (id int primary key);
alter table public.listed replica identity full;
alter table public.listed enable row level security;
create function public.is_shared(note int) returns boolean language plpgsql stable as
  $$ begin return exists (select from public.shared s where s.note = is_shared.note); end $$;
create policy shown on public.notes for select using (id = 1);
create policy listed on public.listed for select using (public.is_shared(id));
create policy first on public.shared for select using (note % 50 = 1);
alter publication tidemark add table public.notes, public.shared, public.listed;
insert into public.notes select n from generate_series(1, 3) n;
insert into public.listed select n from generate_series(1, 3) n;
insert into public.shared select n from generate_series(1, 100) n;`;

const QUERIES = {
  snapshot: 'notes?select=id',
  window: 'notes?select=id&order=id&limit=10',
  'snapshot through a function': 'listed?select=id',
  'window through a function': 'listed?select=id&order=id&limit=10',
};
/** Subscriptions until a statement is prepared on the connections, and pipelined. */
const TIMES = 8;

t.test('follows the rights of a role whose attributes and memberships change', async (t) => {
  const name = randomUUID().slice(0, 8);
  const [role, group] = [`reader_${name}`, `group_${name}`];
  const service = await startTestRealtime(SETUP, { JWT_ROLES: `anon,${role}`, DEFINITIONS_CHECK_MS: '100' });
  t.teardown(async () => {
    for (const one of [role, group]) await service.sql(`drop owned by ${one}; drop role ${one}`);
    await service.stop();
  });
  await service.sql(`create role ${role} nologin; create role ${group} nologin;
    grant select on public.notes, public.shared, public.listed to ${role};
    create policy more on public.notes for select to ${group} using (id = 2);
    create policy more on public.shared for select to ${group} using (note % 50 = 2)`);
  await service.replayed();
  const client = await new LiveClient(service.url, { token: await token({ role, sub: 'ann' }) }).open();
  t.teardown(() => client.close());
  let count = 0;
  const rowsOf = async (query: string) => {
    count += 1;
    const topic = await client.subscribeAnew(`s${count}`, query, { snapshot: true });
    client.send({ op: 'unsubscribe', id: `s${count}` });
    return client.frames.flatMap((frame) => (frame.op === 'snapshot' && frame.topic === topic ? frame.rows : []));
  };

  for (const [change, ids] of [
    [`alter role ${role} bypassrls`, [1, 2, 3]],
    [`alter role ${role} nobypassrls`, [1]],
    [`grant ${group} to ${role}`, [1, 2]],
    [`revoke ${group} from ${role}`, [1]],
  ] as const) {
    for (const query of Object.values(QUERIES)) for (let n = 0; n < TIMES; n += 1) await rowsOf(query);
    const followed = await Promise.all(
      Object.entries(QUERIES).map(([id, query]) => client.subscribeAnew(id, query, { snapshot: true })),
    );
    const from = client.frames.length;
    await service.sql(change);
    for (const topic of followed) await client.frame((frame) => frame.op === 'resync' && frame.topic === topic, from);
    for (const [what, query] of Object.entries(QUERIES)) {
      for (let n = 0; n < TIMES; n += 1) {
        t.same(
          await rowsOf(query),
          ids.map((id) => ({ id })),
          `${what} after ${change}`,
        );
      }
    }
    const topic = await client.subscribeAnew('changes', 'listed?select=id', { snapshot: true });
    await service.sql('insert into public.listed values (53), (52), (51)');
    const received = () => client.changes(topic).flatMap(({ row }) => (Number(row?.id) > 50 ? [row?.id] : []));
    await until(() => received().includes(51), 'the change that every role sees');
    t.same(
      received().sort(),
      ids.map((id) => id + 50),
      `changes after ${change}`,
    );
    client.send({ op: 'unsubscribe', id: 'changes' });
    await service.sql('delete from public.listed where id > 50');
  }
});
