/** Tests channels over two instances: rights, delivery, presence, and cleanup. */
import { clientOf } from '@tidemark/bus/client';
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { MATCHES, startTestRealtime, token } from '../test-realtime.ts';

const ROOMS = `${MATCHES}
create table public.room_member (room text not null, member text not null);
grant select on public.room_member to authenticated;
create policy rooms_join on tidemark.channels for select to authenticated using (
  kind = 'room' and exists (select from public.room_member m where m.room = key
    and m.member = current_setting('request.jwt.claims', true)::json ->> 'sub'));
create policy rooms_send on tidemark.channels for insert to authenticated with check (kind = 'room' and key <> 'silent');
create policy lobby_join on tidemark.channels for select to authenticated using (kind = 'lobby');`;

t.test('channels', async (t) => {
  const service = await startTestRealtime(ROOMS, {
    CHANNEL_HEARTBEAT_MS: '200',
    CHANNEL_RIGHTS_MS: '200',
    CHANNEL_PRESENT: '3',
    CHANNEL_MESSAGES_PER_SECOND: '20',
    MAX_CHANNELS_PER_SOCKET: '3',
  });
  const other = await service.another();
  t.teardown(async () => {
    await other.stop();
    await service.stop();
  });

  async function open(t: { teardown(undo: () => Promise<void>): void }, sub?: string, url = service.url) {
    const options = sub === undefined ? {} : { token: await token({ role: 'authenticated', sub }) };
    const client = await new LiveClient(url, options).open();
    t.teardown(() => client.close());
    return client;
  }
  async function join(client: LiveClient, channel: string, state?: Record<string, unknown>) {
    const from = client.frames.length;
    client.send({ op: 'join', channel, ...(state ? { state } : {}) });
    return client.frame((frame) => frame.op === 'joined' || (frame.op === 'error' && frame.channel === channel), from);
  }
  const messages = (client: LiveClient) => client.frames.filter((frame) => frame.op === 'message');
  /** Members as the frames have told them. */
  function present(client: LiveClient, channel: string): string[] {
    const members = new Map<string, unknown>();
    for (const frame of client.frames) {
      if (frame.channel !== channel) continue;
      for (const member of frame.op === 'joined' ? frame.members : frame.op === 'presence' ? frame.joined : []) {
        members.set(member.id, member);
      }
      if (frame.op === 'presence') for (const id of frame.left) members.delete(id);
    }
    return [...members.values()]
      .map((member) => `${(member as { user: string }).user}${JSON.stringify((member as { state: unknown }).state)}`)
      .sort();
  }

  t.test('delivers messages to all devices of a user on all instances, and to nobody else', async (t) => {
    const phone = await open(t, 'ann');
    const laptop = await open(t, 'ann', other.url);
    t.match(await join(phone, 'user:ann'), { op: 'joined', members: [] });
    t.match(await join(laptop, 'user:ann'), { op: 'joined' });
    phone.send({ op: 'send', channel: 'user:ann', event: 'draft', payload: { text: 'ä' } });
    laptop.send({ op: 'send', channel: 'user:ann', event: 'seen' });
    await until(() => messages(laptop).length === 1 && messages(phone).length === 1, 'both messages');
    t.match(messages(laptop), [{ channel: 'user:ann', event: 'draft', payload: { text: 'ä' }, from: /./ }]);
    t.match(messages(phone), [{ event: 'seen', payload: null }], 'not what it sent itself');
    const bob = await open(t, 'bob');
    t.match(await join(bob, 'user:ann'), {
      code: 'RT_CHANNEL_FORBIDDEN',
      hint: /tidemark\.channels for select/,
      retry: false,
    });
    t.match(await join(await open(t), 'user:ann'), { code: 'RT_CHANNEL_FORBIDDEN' });
  });

  t.test('lets everybody join a public channel, and only signed-in users send', async (t) => {
    const anybody = await open(t);
    const ann = await open(t, 'ann', other.url);
    await join(anybody, 'public:news');
    await join(ann, 'public:news');
    anybody.send({ op: 'send', channel: 'public:news', event: 'x' });
    t.match(await anybody.frame((frame) => frame.op === 'error'), {
      code: 'RT_CHANNEL_FORBIDDEN',
      channel: 'public:news',
      hint: /insert/,
    });
    ann.send({ op: 'send', channel: 'public:news', event: 'hello' });
    await anybody.frame((frame) => frame.op === 'message' && frame.event === 'hello');
  });

  t.test('applies a custom policy for rooms, and checks it again soon', async (t) => {
    const ann = await open(t, 'ann');
    t.match(await join(ann, 'room:1'), { code: 'RT_CHANNEL_FORBIDDEN' });
    await service.sql(`insert into room_member values ('1', 'ann'), ('silent', 'ann')`);
    await service.replayed();
    t.match(await join(ann, 'room:1'), { op: 'joined' });
    await join(ann, 'room:silent');
    ann.send({ op: 'send', channel: 'room:silent', event: 'x' });
    t.match(await ann.frame((frame) => frame.op === 'error' && frame.channel === 'room:silent'), {
      code: 'RT_CHANNEL_FORBIDDEN',
    });
    await service.sql(`delete from room_member where room = '1'`);
    t.match(await ann.frame((frame) => frame.op === 'left'), { channel: 'room:1', reason: /policies/ });
    ann.send({ op: 'send', channel: 'room:1', event: 'x' });
    t.match(await ann.frame((frame) => frame.op === 'error' && frame.channel === 'room:1', ann.frames.length - 1), {
      code: /^RT_CHANNEL_(NOT_JOINED|FORBIDDEN)$/,
    });
  });

  t.test('announces who is present, and who has left', async (t) => {
    const ann = await open(t, 'ann');
    const bob = await open(t, 'bob', other.url);
    const watcher = await open(t);
    await join(watcher, 'public:room');
    await join(ann, 'public:room', { cursor: 1 });
    await join(bob, 'public:room', { cursor: 2 });
    const both = ['null{"cursor":1}', 'null{"cursor":2}'];
    const shows = (client: LiveClient, expected: string[]) =>
      until(
        () => JSON.stringify(present(client, 'public:room')) === JSON.stringify(expected),
        () => `${expected}; there are ${present(client, 'public:room')}`,
      );
    for (const client of [ann, bob, watcher]) await shows(client, both);
    ann.send({ op: 'state', channel: 'public:room', state: { cursor: 9 } });
    await shows(bob, ['null{"cursor":2}', 'null{"cursor":9}']);
    const late = await open(t, 'cyd', other.url);
    t.match(await join(late, 'public:room'), { op: 'joined' });
    await shows(late, ['null{"cursor":2}', 'null{"cursor":9}']);
    late.send({ op: 'state', channel: 'public:room', state: { large: 'x'.repeat(2_000) } });
    t.match(await late.frame((frame) => frame.op === 'error'), { code: 'RT_STATE_TOO_LARGE' });
    late.send({ op: 'state', channel: 'public:room', state: {} });
    await shows(watcher, ['null{"cursor":2}', 'null{"cursor":9}', 'null{}']);
    t.match(await join(await open(t, 'dan'), 'public:room', {}), { code: 'RT_CHANNEL_FULL' });
    bob.ws.terminate();
    late.send({ op: 'leave', channel: 'public:room' });
    await late.frame((frame) => frame.op === 'left' && frame.reason === undefined);
    await shows(watcher, ['null{"cursor":9}']);
    await shows(ann, ['null{"cursor":9}']);
  });

  t.test('shows the user of a member only in channels that need a token', async (t) => {
    const ann = await open(t, 'ann');
    const bob = await open(t, 'bob', other.url);
    const hidden = await open(t, 'bob');
    await join(ann, 'lobby:1', { name: 'A' });
    await join(bob, 'lobby:1');
    await until(() => present(bob, 'lobby:1').join() === 'ann{"name":"A"}', 'ann, by name');
    await join(hidden, 'public:lobby', { name: 'B' });
    const anybody = await open(t);
    await join(anybody, 'public:lobby');
    await until(() => present(anybody, 'public:lobby').length === 1, 'a member');
    t.same(present(anybody, 'public:lobby'), ['null{"name":"B"}']);
    t.notMatch(JSON.stringify(anybody.frames), /bob/);
    await service.sql(`create policy lobby_open on tidemark.channels for select to anon using (kind = 'lobby')`);
    await until(
      () => present(bob, 'lobby:1').join() === 'null{"name":"A"}',
      () => `the name to go once anybody may join; there are ${present(bob, 'lobby:1')}`,
    );
    await service.sql('drop policy lobby_open on tidemark.channels');
  });

  t.test('stores no row in tidemark.channels, while its INSERT policies decide who may send', async (t) => {
    const insert = (role: string) =>
      // One transaction, which the refusal rolls back, the role included.
      service.results(`set role ${role}; select set_config('request.jwt.claims', '{"role":"${role}","sub":"ann"}', true);
        insert into tidemark.channels (name, kind, key) values ('public:x', 'public', 'x')`);
    for (const role of ['authenticated', 'service_role', 'anon']) {
      await t.rejects(insert(role), { code: 'PT403', message: /stores no rows/, hint: /"op":"send"/ }, role);
    }
    t.same(await service.sql('select * from tidemark.channels'), []);
    const ann = await open(t, 'ann');
    const anybody = await open(t);
    await join(ann, 'public:x');
    await join(anybody, 'public:x');
    ann.send({ op: 'send', channel: 'public:x', event: 'still' });
    await anybody.frame((frame) => frame.op === 'message' && frame.event === 'still');
    anybody.send({ op: 'send', channel: 'public:x', event: 'never' });
    t.match(await anybody.frame((frame) => frame.op === 'error'), { code: 'RT_CHANNEL_FORBIDDEN' });
  });

  t.test('removes the members of a dead instance within two heartbeats', async (t) => {
    const watcher = await open(t);
    await join(watcher, 'public:dying');
    const third = await service.another();
    const ann = await open(t, 'ann', third.url);
    await join(ann, 'public:dying', {});
    await until(() => present(watcher, 'public:dying').length === 1, 'ann');
    // It says nothing more to the others, and does not say that it goes.
    await clientOf(third.realtime.bus).nc.close();
    await until(() => present(watcher, 'public:dying').length === 0, 'ann to be forgotten');
    await ann.close();
    // Its NATS connection is closed already.
    await third.stop().catch(() => {});
  });

  t.test('reports limits, and keeps the socket open', async (t) => {
    const ann = await open(t, 'ann');
    const bob = await open(t, 'bob');
    await join(ann, 'public:1');
    await join(bob, 'public:1');
    for (let n = 0; n < 60; n += 1) ann.send({ op: 'send', channel: 'public:1', event: `${n}` });
    t.match(await ann.frame((frame) => frame.op === 'error'), { code: 'RT_CHANNEL_RATE', retry: true });
    ann.send({ op: 'ping' });
    await ann.frame((frame) => frame.op === 'pong');
    t.match(await join(ann, 'public:1'), { code: 'RT_CHANNEL_JOINED' });
    await join(ann, 'public:2');
    await join(ann, 'public:3');
    t.match(await join(ann, 'public:4'), { code: 'RT_SOCKET_CHANNELS', retry: true });
    ann.send({ op: 'send', channel: 'public:9', event: 'x' });
    await ann.frame((frame) => frame.code === 'RT_CHANNEL_NOT_JOINED');
    for (const [frame, expected] of [
      [{ op: 'join', channel: 'nokind' }, /channel/],
      [{ op: 'join', channel: 'public:1', state: 7 }, /state/],
      [{ op: 'send', channel: 'public:1' }, /event/],
    ] as const) {
      const from = ann.frames.length;
      ann.send(frame);
      t.match(await ann.frame((f) => f.op === 'error', from), { code: 'RT_FRAME_INVALID', message: expected });
    }
  });

  t.test('a socket that changes its identity leaves the channels of the former one', async (t) => {
    const ann = await open(t, 'ann');
    await join(ann, 'user:ann', {});
    ann.send({ op: 'auth', token: await token({ role: 'authenticated', sub: 'ann' }, 900) });
    await ann.frame((frame) => frame.op === 'ready', 2);
    ann.send({ op: 'auth', token: await token({ role: 'authenticated', sub: 'bob' }) });
    t.match(await ann.frame((frame) => frame.op === 'left'), { channel: 'user:ann', reason: /identity/ });
  });

  t.test('removes channels without sockets', async (t) => {
    const counts = () => service.realtime.channels.counts();
    await until(
      () => counts().members === 0 && counts().channels === 0,
      () => JSON.stringify(counts()),
    );
    t.match(counts(), { channels: 0, members: 0, present: 0 });
    t.ok(counts().messagesTotal > 10);
  });
});
