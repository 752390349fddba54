/** Calls and faults in chosen orders, on a fake clock: every promise settles, and the server has only the subscriptions in use. */
import t from 'tap';
import { follow, outcome, pass, passLong, start } from './fake-clock.ts';

t.test(
  'after 90 mounts and unmounts one subscription remains, whether they close before or after the answer',
  async (t) => {
    const { server, client } = start();
    for (let n = 0; n < 90; n += 1) {
      const live = follow(client, 1);
      const seen = outcome(live.ready());
      await pass(n % 12);
      live.close();
      await pass(1);
      t.ok(['done', 'CLIENT_CLOSED'].includes(seen.is), `mount ${n} ended ${seen.is}`);
    }
    const kept = follow(client, 1);
    const seen = outcome(kept.ready());
    await pass(40);
    t.equal(seen.is, 'done');
    t.equal(server.subscriptions, 1);
    t.equal(server.opened, 1, 'over one socket');
    kept.close();
    await passLong(1_500);
    t.equal(server.sockets.size, 0);
    client.close();
  },
);

t.test('a query or channel that is opened and closed within a tick is never sent', async (t) => {
  const { server, client } = start();
  const kept = follow(client, 0);
  await Promise.all([kept.ready(), pass(30)]);
  const before = server.frames;
  for (let n = 1; n <= 1_000; n += 1) {
    const live = follow(client, n);
    const stop = live.onChange(() => t.fail('no change was sent'));
    stop();
    live.close();
    const room = client.channel(`room:${n}`);
    // leave() rejects the join that is not answered yet.
    room.join().catch(() => undefined);
    room.leave();
  }
  await pass(50);
  t.equal(server.frames, before);
  t.equal(server.subscriptions, 1);
  client.close();
  t.equal(server.sockets.size, 0);
});

t.test(
  'uses several sockets for more queries than one allows, and sends no faster than the server reads',
  async (t) => {
    const { server, client } = start();
    const all = Array.from({ length: 250 }, (_, n) => follow(client, n));
    const seen = all.map((live) => outcome(live.ready()));
    await passLong(3_000);
    t.same([...new Set(seen.map(({ is }) => is))], ['done']);
    t.equal(server.sockets.size, 3);
    t.ok(server.busiest <= 200, `${server.busiest} frames came within a second`);
    for (const live of all.slice(50)) live.close();
    await passLong(4_000);
    t.equal(server.subscriptions, 50);
    t.equal(server.sockets.size, 1, 'unused sockets are closed');
    t.equal(client.status.is, 'open');
    client.close();
  },
);

t.test(
  'opens at most eight sockets, rejects what they do not hold with the server’s code, and retries it',
  async (t) => {
    const { server, client } = start();
    server.perSocket = 2;
    const all = Array.from({ length: 17 }, (_, n) => follow(client, n));
    const seen = all.map((live) => outcome(live.ready()));
    await passLong(20_000);
    t.equal(seen.filter(({ is }) => is === 'done').length, 16, 'eight sockets');
    t.equal(seen.filter(({ is }) => is === 'RT_SOCKET_SUBSCRIPTIONS').length, 1, 'the last query gets the code');
    const left = all[seen.findIndex(({ is }) => is === 'RT_SOCKET_SUBSCRIPTIONS')];
    all.find((live) => live.status === 'live')?.close();
    await passLong(20_000);
    t.equal(left?.status, 'live', 'the waiting query is retried');
    client.close();
  },
);

t.test('follows a second spelling of the same query over another socket', async (t) => {
  const { server, client } = start();
  const one = follow(client, 1);
  const other = client.from('t').select().eq('id', 1).live({ mode: 'latest' });
  await Promise.all([one.ready(), other.ready(), passLong(500)]);
  t.equal(server.sockets.size, 2);
  client.close();
});

t.test('repeated errors and resyncs are retried at growing intervals', async (t) => {
  const { server, client } = start();
  server.answers = new Array(1_000).fill('refuse');
  const seen = outcome(follow(client, 1).ready());
  await passLong(120_000);
  t.ok(1_000 - server.answers.length < 20, `asked ${1_000 - server.answers.length} times in two minutes`);
  t.equal(seen.is, 'RT_SNAPSHOTS_BUSY');
  server.answers = [];
  const storm = follow(client, 2);
  await Promise.all([storm.ready(), passLong(500)]);
  const before = server.frames;
  for (let n = 0; n < 600; n += 1) {
    for (const socket of server.sockets) socket.resync();
    await passLong(100);
  }
  t.ok(server.frames - before < 60, `${server.frames - before} frames in a minute of resyncs`);
  client.close();
});

t.test('backs off from a server that ends each connection at once', async (t) => {
  const { server, client } = start();
  const live = follow(client, 1);
  for (let n = 0; n < 1_200; n += 1) {
    await passLong(50);
    for (const socket of server.sockets) if (socket.subscriptions.size > 0) socket.cut();
  }
  t.ok(server.opened < 15, `${server.opened} connections in a minute`);
  live.close();
  client.close();
});

t.test('repeats an unanswered subscribe and join', async (t) => {
  const { server, client } = start();
  server.answers = ['none', 'none'];
  const live = follow(client, 1);
  const room = client.channel('room:1');
  const seen = [outcome(live.ready()), outcome(room.join())];
  await passLong(33_000);
  t.same(
    seen.map(({ is }) => is),
    ['done', 'done'],
  );
  t.equal(server.subscriptions, 1);
  t.equal(server.members, 1);
  client.close();
});

t.test('a channel may be left before its join is answered, and joined again', async (t) => {
  const { server, client } = start();
  await Promise.all([follow(client, 9).ready(), pass(30)]);
  for (const wait of [0, 1, 2, 3, 4]) {
    const first = client.channel('room:1');
    const seen = outcome(first.join());
    await pass(wait);
    first.leave();
    const second = client.channel('room:1');
    const again = outcome(second.join());
    await pass(20);
    t.equal(again.is, 'done', `after ${wait} ms`);
    t.ok(['done', 'CLIENT_NOT_JOINED'].includes(seen.is));
    t.equal(server.members, 1);
    second.leave();
    const anew = outcome(second.join());
    await pass(20);
    t.equal(anew.is, 'done', 'a left channel can be joined again');
    second.leave();
    await pass(20);
    t.equal(server.members, 0);
  }
  server.answers = ['forbid'];
  const forbidden = client.channel('room:2', { state: { id: 'q1' } });
  await t.rejects(Promise.all([forbidden.join(), pass(20)]), { code: 'RT_CHANNEL_FORBIDDEN' });
  await Promise.all([forbidden.join(), pass(20)]);
  t.equal(forbidden.status, 'live', 'a forbidden channel may be tried again');
  client.close();
});

t.test('a closed client rejects pending and new calls at once', async (t) => {
  const { client } = start();
  const live = follow(client, 1);
  const room = client.channel('room:1');
  const seen = [outcome(live.ready()), outcome(room.join())];
  client.close();
  await pass(2);
  t.same(
    seen.map(({ is }) => is),
    ['CLIENT_CLOSED', 'CLIENT_NOT_JOINED'],
  );
  await t.rejects(follow(client, 2).ready(), { code: 'CLIENT_CLOSED' });
  await t.rejects(client.channel('room:2').join(), { code: 'CLIENT_CLOSED' });
});

t.test('a listener that throws does not keep the others from being called', async (t) => {
  const { client } = start();
  const thrown: unknown[] = [];
  const catching = (error: unknown) => thrown.push(error);
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', catching);
  const live = follow(client, 1);
  let heard = 0;
  live.onStatus(() => {
    if (live.status === 'live') throw new Error('mine');
  });
  live.onChange(() => {
    heard += 1;
  });
  await pass(40);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('uncaughtException', catching);
  for (const other of others) process.on('uncaughtException', other);
  t.match(thrown, [{ message: 'mine' }]);
  t.equal(live.status, 'live');
  t.equal(heard, 1);
  client.close();
});

t.test('rejects a frame above the size limit and a flood of messages, and the other queries continue', async (t) => {
  const { client } = start();
  const live = follow(client, 1);
  await Promise.all([live.ready(), pass(30)]);
  const long = client.from('t').select().eq('body', 'x'.repeat(70_000)).live();
  await t.rejects(Promise.all([long.ready(), pass(5)]), { code: 'CLIENT_FRAME_TOO_LARGE' });
  const room = client.channel('room:1');
  await Promise.all([room.join(), pass(10)]);
  t.throws(() => room.send('e', 'x'.repeat(70_000)), { code: 'CLIENT_FRAME_TOO_LARGE' });
  t.throws(
    () => {
      for (let n = 0; n < 1_100; n += 1) room.send('e', n);
    },
    { code: 'CLIENT_TOO_FAST' },
  );
  t.equal(live.status, 'live');
  client.close();
});

t.test('slows down for a server that reads fewer frames than it announces, and sends all of them', async (t) => {
  const { server, client } = start();
  server.perSecond = 10;
  const seen = Array.from({ length: 60 }, (_, n) => outcome(follow(client, n).ready()));
  await passLong(90_000);
  t.same([...new Set(seen.map(({ is }) => is))], ['done']);
  t.equal(server.subscriptions, 60);
  client.close();
});
