/** Tests the limits of everything that clients make an instance keep, with the share of an identity. */
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create table public.items (id int primary key, body text not null default '');
alter table public.items replica identity full;
grant select on public.items to anon, authenticated;
alter publication tidemark add table public.items;
insert into public.items select n, repeat('x', 500) from generate_series(1, 300) n;
insert into public.items values (1000, repeat('x', 5000));`;

t.test('shares', async (t) => {
  const service = await startTestRealtime(SETUP, {
    IDENTITY_SHARE_PERCENT: '25',
    LIVE_ROW_BYTES: '2000',
    LIVE_WINDOWS: '4',
    LIVE_WINDOW_BYTES: '4000',
    MAX_CHANNELS: '4',
    CHANNEL_STATE_BYTES: '65536',
    WAITING_FRAME_BYTES: '65536',
    RING_BYTES: '65536',
    HISTORY_TOTAL_BYTES: '65536',
  });
  t.teardown(() => service.stop());
  const connect = async (sub?: string) =>
    new LiveClient(service.url, sub === undefined ? {} : { token: await token({ role: 'authenticated', sub }) }).open();
  const metric = async (name: string) => {
    const page = await metricsPage(service.url);
    return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(page)?.[1]);
  };
  const nothingLeft = (...names: string[]) =>
    until(async () => (await Promise.all(names.map(metric))).every((value) => value === 0), `${names} to be 0`);
  async function join(client: LiveClient, channel: string, state?: Record<string, unknown>) {
    const from = client.frames.length;
    client.send({ op: 'join', channel, ...(state ? { state } : {}) });
    return client.frame((frame) => frame.op === 'joined' || (frame.op === 'error' && frame.channel === channel), from);
  }

  t.test('rejects a snapshot with a row that is too large', async (t) => {
    const client = await connect('ann');
    const topic = await client.subscribe('all', 'items?id=lt.1000', { snapshot: true });
    const pages = client.frames.filter((frame) => frame.op === 'snapshot' && frame.topic === topic);
    t.equal(
      pages.reduce((sum, page) => sum + page.rows.length, 0),
      300,
    );
    await client.subscribe('small', 'items?select=id', { snapshot: true });
    client.send({ op: 'subscribe', id: 'large', query: 'items?id=gte.1', snapshot: true });
    t.match(await client.frame(({ op, id }) => op === 'error' && id === 'large'), {
      code: 'RT_ROW_TOO_LARGE',
      hint: /select/,
      retry: false,
    });
    await client.close();
    await nothingLeft('tidemark_snapshots_shared_bytes', 'tidemark_snapshots_waiting');
  });

  t.test('limits the bytes of older changes that are read for a resume', async (t) => {
    const client = await connect('ann');
    await client.subscribe('s', 'items?id=eq.1', { snapshot: true });
    const positions = () => [...client.frames, ...client.places].map(({ position }) => position).filter(Boolean);
    await until(() => positions().length > 0, 'a position');
    const after = positions().at(-1);
    client.send({ op: 'unsubscribe', id: 's' });
    await client.subscribe('follow', 'items?id=gte.2000&select=id');
    for (let n = 0; n < 3; n += 1)
      await service.sql(
        `insert into items select ${2_000 + n * 100} + n, repeat('y', 500) from generate_series(1, 90) n`,
      );
    await until(() => client.changes().length === 270, 'the ring to have moved on');
    const from = client.frames.length;
    await client.subscribe('again', 'items?id=gte.2000', { after });
    t.match(await client.frame(({ op }) => op === 'resync', from), {
      reason: 'too much of the older changes is being read',
    });
    await client.close();
    await nothingLeft('tidemark_history_bytes', 'tidemark_history_waiting');
  });

  t.test('limits windows in bytes and number, with a share for each identity', async (t) => {
    const ann = await connect('ann');
    const bob = await connect('bob');
    t.match(
      await ann.refusal('wide', 'items?order=id&limit=20', { snapshot: true }),
      { op: 'error', code: 'RT_WINDOW_BYTES' },
      'too many bytes',
    );
    await until(async () => (await metric('tidemark_live_windows')) === 0, 'the window that was refused to go');
    await ann.subscribe('1', 'items?order=id&limit=1', { snapshot: true });
    await ann.subscribe('2', 'items?order=id&limit=2', { snapshot: true });
    t.match(await ann.refusal('3', 'items?order=id&limit=3'), {
      code: 'RT_TOO_MANY_WINDOWS',
      message: /this identity/,
    });
    await bob.subscribe('1', 'items?order=id&limit=4', { snapshot: true });
    t.ok((await metric('tidemark_live_window_bytes')) > 1_500);
    await Promise.all([ann.close(), bob.close()]);
    await nothingLeft('tidemark_live_windows', 'tidemark_live_window_bytes');
  });

  t.test('limits channels and the states of their members, with a share for each identity', async (t) => {
    const ann = await connect('ann');
    const bob = await connect('bob');
    t.match(await join(ann, 'public:1'), { op: 'joined' });
    t.match(await join(ann, 'public:2'), { op: 'joined' });
    t.match(await join(ann, 'public:3'), { code: 'RT_TOO_MANY_CHANNELS', message: /identity/ });
    t.match(await join(bob, 'public:1'), { op: 'joined' }, 'one that is there already costs nothing');
    t.match(await join(bob, 'public:3'), { op: 'joined' });
    const state = { text: 'x'.repeat(900) };
    const many = await Promise.all(Array.from({ length: 40 }, () => connect('ann')));
    const answers = await Promise.all(many.map((client) => join(client, 'public:1', state)));
    const refused = () => many.filter(({ frames }) => frames.some(({ code }) => code === 'RT_STATES_FULL')).length;
    await until(() => refused() > 0, 'some states to be refused');
    t.ok(answers.filter(({ op }) => op === 'joined').length > 20);
    t.ok((await metric('tidemark_channel_state_bytes')) <= 32_768, 'half of what there is');
    bob.send({ op: 'state', channel: 'public:1', state });
    await bob.frame((frame) => frame.op === 'presence' && JSON.stringify(frame.joined).includes('xxx'));
    t.notOk(bob.frames.some(({ code }) => code === 'RT_STATES_FULL'));
    await Promise.all([ann, bob, ...many].map((client) => client.close()));
    await nothingLeft('tidemark_channel_state_bytes', 'tidemark_channels');
  });

  t.test('limits the bytes of frames that wait for earlier ones', async (t) => {
    const client = await connect('ann');
    const other = await connect('bob');
    const query = `items?body=eq.${'y'.repeat(6_000)}`;
    for (let n = 0; n < 20; n += 1) client.send({ op: 'subscribe', id: `${n}`, query: `${query}${n}` });
    await until(
      () => client.frames.filter(({ op }) => op === 'subscribed' || op === 'error').length === 20,
      'an answer to each',
    );
    t.match(
      client.frames.find(({ op }) => op === 'error'),
      { code: 'RT_FRAMES_WAITING', retry: true, hint: /Wait/ },
    );
    await other.subscribe('s', query);
    await Promise.all([client.close(), other.close()]);
    await nothingLeft('tidemark_sockets_waiting_frame_bytes', 'tidemark_live_filter_steps');
  });
});
