/** Tests a replica whose replay is paused: it is read neither with definitions that it lacks nor with outdated ones. */
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import { LiveClient } from '../live-client.ts';
import { startReplicated } from '../replicated-realtime.ts';
import { token } from '../test-realtime.ts';

const SETUP = `
create table public.notes (id int primary key, body text not null default '', hidden boolean not null default false);
alter table public.notes replica identity full;
alter table public.notes enable row level security;
create policy shown on public.notes for select to authenticated using (true);
grant select on public.notes to authenticated;
insert into public.notes (id, hidden) values (1, false), (2, true);
create table public.said (id int primary key, message text collate "C" not null);
alter table public.said replica identity full;
grant select on public.said to authenticated;
create role readers_of_rooms nologin;
grant readers_of_rooms to authenticated with inherit true;
create table public.rooms (id int primary key);
alter table public.rooms replica identity full;
alter table public.rooms enable row level security;
create policy readers on public.rooms for select to readers_of_rooms using (true);
grant select on public.rooms to authenticated;
insert into public.rooms values (1);
create table public.pages (id int primary key);
alter table public.pages replica identity full;
alter table public.pages enable row level security;
create policy first on public.pages for select using (id = 1);
grant select on public.pages to authenticated;
insert into public.pages values (1), (2);
alter publication tidemark add table public.notes, public.said, public.rooms, public.pages;`;

t.test('serves snapshots from a replica whose replay is paused', async (t) => {
  const { primary, replica, running } = await startReplicated(t, SETUP.split(';\n'), {
    // Only announcements count, since the checks of rights run seldom.
    RIGHTS_CHECK_MS: '600000',
    DEFINITIONS_CHECK_MS: '100',
  });
  const { realtime } = running;
  await until(async () => (await realtime.health.problems()).length === 0, 'the service to be ready');
  const client = await new LiveClient(running.url.replace('http', 'ws'), {
    token: await token({ role: 'authenticated', sub: 'ann' }),
  }).open();
  t.teardown(() => client.close());

  /** Returns the first rows that the client receives. A resync before them is allowed, as long as the client may subscribe again. */
  async function firstRows(id: string, query: string): Promise<Record<string, unknown>[]> {
    const topic = await client.subscribe(id, query, { snapshot: true });
    return client.frames.flatMap((frame) => (frame.op === 'snapshot' && frame.topic === topic ? frame.rows : []));
  }
  /** Pauses replay. The replica has replayed everything before, so it counts as healthy for some seconds. */
  const behind = (name: string, run: (t: Test) => Promise<void>) =>
    t.test(name, async (t) => {
      await replica.caughtUp();
      await replica.pauseReplay();
      try {
        await run(t);
      } finally {
        await replica.resumeReplay();
      }
    });
  const ids = (rows: readonly Record<string, unknown>[]) => rows.map(({ id }) => id).sort();

  await behind('a stricter policy hides its rows from every snapshot and window that comes behind it', async (t) => {
    const from = client.frames.length;
    const followed = await client.subscribe('followed', 'notes?select=id', { snapshot: true });
    const window = await client.subscribe('window', 'notes?select=id&order=id&limit=10', { snapshot: true });
    await primary.query('alter policy shown on public.notes using (not hidden)');
    for (const topic of [followed, window]) {
      await client.frame((frame) => frame.op === 'resync' && frame.topic === topic, from);
    }
    t.same(ids(await firstRows('again', 'notes?select=id')), [1]);
    t.same(ids(await firstRows('window again', 'notes?select=id&order=id&limit=10')), [1]);
    for (const id of ['again', 'window again']) client.send({ op: 'unsubscribe', id });
  });

  await behind(
    'a column and a table that were just added are followed, though the replica does not know them',
    async (t) => {
      await primary.query('alter table public.notes add column stars int not null default 5');
      t.same(await firstRows('stars', 'notes?select=id,stars'), [{ id: 1, stars: 5 }]);
      t.same(await firstRows('most stars', 'notes?select=id,stars&order=stars.desc&limit=3'), [{ id: 1, stars: 5 }]);
      await primary.query('create table public.fresh (id int primary key); insert into public.fresh values (7)');
      await primary.query('grant select on public.fresh to authenticated');
      await primary.query('alter publication tidemark add table public.fresh');
      t.same(await firstRows('fresh', 'fresh'), [{ id: 7 }]);
    },
  );

  await behind('policies that call what was just made are asked where it is known', async (t) => {
    const topic = await client.subscribe('all', 'notes?select=id', { snapshot: true });
    await primary.query(
      `create function public.is_shown(hidden boolean) returns boolean language sql as 'select not hidden'`,
    );
    await primary.query('alter policy shown on public.notes using (public.is_shown(hidden))');
    await client.frame((frame) => frame.op === 'resync' && frame.topic === topic);
    await client.subscribe('all', 'notes?select=id', { snapshot: true });
    await primary.query('insert into public.notes (id, hidden) values (10, true), (11, false)');
    t.match(await client.change(({ row }) => Number(row?.id) >= 10), { type: 'insert', row: { id: 11 } });
    await primary.query(
      `create policy rooms on tidemark.channels for select to authenticated using (kind = 'room' and public.is_shown(key = 'secret'))`,
    );
    client.send({ op: 'join', channel: 'room:open' });
    t.match(await client.frame((frame) => frame.channel === 'room:open'), { op: 'joined' });
    client.send({ op: 'join', channel: 'room:secret' });
    t.match(await client.frame((frame) => frame.channel === 'room:secret'), { code: 'RT_CHANNEL_FORBIDDEN' });
  });

  await behind('a filter that Postgres decides is asked where the table is known', async (t) => {
    await primary.query('alter table public.said add column kind text');
    const topic = await client.subscribe('pattern', `said?select=id&kind=match.${'(a|b)'.repeat(6)}[a-f]{0,20}Z`);
    await primary.query(`insert into public.said values (1, '', repeat('ab', 200000) || 'Z')`);
    t.match(await client.change(({ row }) => row?.id === 1), { type: 'insert' });
    t.notOk(client.frames.some((frame) => frame.op === 'resync' && frame.topic === topic));
  });

  await t.test(
    'attributes that a role had for a moment show nothing behind that moment, though the replica is still in it',
    async (t) => {
      t.same(await firstRows('before', 'pages'), [{ id: 1 }]);
      // A subscription to the table would have its facts read at each announcement.
      client.send({ op: 'unsubscribe', id: 'before' });
      const changes = () => realtime.relay?.definitions().changesTotal ?? 0;
      const announced = async (statement: string) => {
        const before = changes();
        await primary.query(statement);
        await until(() => changes() > before, `the announcement of ${statement}`);
      };
      await announced('alter role authenticated bypassrls');
      await replica.caughtUp();
      await replica.pauseReplay();
      try {
        await announced('alter role authenticated nobypassrls');
        t.same(await firstRows('behind', 'pages'), [{ id: 1 }]);
      } finally {
        await replica.resumeReplay();
      }
    },
  );

  await behind('a role that is no longer a member sees nothing more, and resumes from nowhere before', async (t) => {
    const place = async (topic: number) => {
      let position: string | undefined;
      await until(() => {
        position = [...client.frames, ...client.places].findLast(
          (frame) => frame.topic === topic && frame.position,
        )?.position;
        return position !== undefined;
      }, 'a position');
      return position;
    };
    const topic = await client.subscribe('rooms', 'rooms', { snapshot: true });
    const after = await place(topic);
    client.send({ op: 'unsubscribe', id: 'rooms' });
    // A role that has nothing to do with it keeps nobody from resuming.
    await primary.query('create role strangers nologin; grant strangers to service_role');
    await primary.query('insert into public.rooms values (2)');
    const resumed = await client.subscribe('rooms', 'rooms', { after });
    await client.frame((frame) => frame.op === 'changes' && frame.topic === resumed);
    t.match(client.changes(resumed), [{ type: 'insert', row: { id: 2 } }]);
    await primary.query('revoke readers_of_rooms from authenticated');
    await client.frame((frame) => frame.op === 'resync' && frame.topic === resumed);
    t.same(await firstRows('no rooms', 'rooms'), []);
    client.send({ op: 'unsubscribe', id: 'no rooms' });
    const late = await client.subscribe('late', 'rooms', { after });
    t.match(await client.frame((frame) => frame.op === 'resync' && frame.topic === late), {
      reason: /roles|not known/,
    });
  });
});
