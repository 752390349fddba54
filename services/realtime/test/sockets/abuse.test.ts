/** Clients that send what they should not: the instance refuses, keeps nothing of it, and serves the others on. */
import { randomBytes, randomInt } from 'node:crypto';
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';
import { RawSocket } from './raw-socket.ts';

t.test('abuse', async (t) => {
  const service = await startTestRealtime(undefined, {
    MAX_SUBSCRIPTIONS: '150',
    FRAMES_PER_SECOND: '2000',
    // One address is all of its clients; limits.test.ts tests shares.
    IDENTITY_SHARE_PERCENT: '100',
  });
  t.teardown(() => service.stop());
  const connect = () => new LiveClient(service.url).open();
  const stats = () => service.realtime.socketStats();
  const nobody = () => until(() => stats().open === 0 && stats().subscriptions === 0, 'all of it to be gone');
  const answers = async (client: LiveClient) => {
    const from = client.frames.length;
    client.send({ op: 'ping' });
    await client.frame((frame) => frame.op === 'pong', from);
  };

  t.test('answers fuzzed frames with errors, and keeps following', async (t) => {
    const client = await connect();
    await client.subscribe('s', 'commentary?match_id=eq.1');
    const valid = Buffer.from(JSON.stringify({ op: 'subscribe', id: 'x', query: 'commentary?match_id=eq.1' }));
    const count = 400;
    for (let n = 0; n < count; n += 1) {
      const frame = n % 4 === 0 ? randomBytes(randomInt(1, 300)) : Buffer.from(valid);
      if (n % 4 !== 0) for (let hits = 0; hits < 3; hits += 1) frame[randomInt(frame.length)] = randomInt(32, 127);
      client.send(n % 4 === 0 ? frame : frame.toString('latin1'));
    }
    await answers(client);
    await service.sql('insert into commentary (match_id, minute) values (1, 7)');
    await client.change(({ row }) => row?.minute === 7);
    const refused = client.frames.filter((frame) => frame.op === 'error');
    t.ok(refused.length > count / 2, `${refused.length} refused`);
    t.same(
      refused.filter((frame) => frame.code === 'RT_INTERNAL'),
      [],
    );
    t.ok(refused.every((frame) => typeof frame.hint === 'string'));
    await client.close();
    await nobody();
  });

  t.test('ends only the connection that sends invalid WebSocket frames', async (t) => {
    const witness = await connect();
    for (let n = 0; n < 30; n += 1) {
      const raw = await RawSocket.open(service.url);
      // The first byte asks for an extension that was not agreed on.
      raw.tcp.write(Buffer.concat([Buffer.from([0xf1]), randomBytes(randomInt(10, 2_000))]));
      t.equal(await raw.closeCode(), 1002);
      raw.tcp.destroy();
    }
    const raw = await RawSocket.open(service.url);
    raw.send(1, 4, Buffer.from([0xff, 0xfe, 0xfd, 0xfc]));
    t.equal(await raw.closeCode(), 1007, 'text that is no UTF-8');
    raw.tcp.destroy();
    await answers(witness);
    await witness.close();
    await nobody();
  });

  t.test('rejects a message of 100 MB at its header, and one in parts at the limit', async (t) => {
    const witness = await connect();
    const length = 100 * 1024 ** 2;
    const announced = await RawSocket.open(service.url);
    announced.send(1, length);
    t.equal(await announced.closeCode(), 1009, 'nothing of it has come yet');
    announced.tcp.destroy();

    const parts = await RawSocket.open(service.url);
    parts.text('x'.repeat(100_000), false);
    parts.send(0, 100_000, 'x'.repeat(100_000), false);
    t.equal(await parts.closeCode(), 1009);
    parts.tcp.destroy();

    const sent = await RawSocket.open(service.url);
    const piece = Buffer.alloc(1024 ** 2, 'x');
    const before = process.memoryUsage().rss;
    sent.send(1, length, piece);
    for (let n = 1; n < length / piece.length && !sent.isClosed; n += 1) {
      if (!sent.tcp.write(piece)) await until(() => sent.tcp.writableLength === 0 || sent.isClosed, 'it to be taken');
    }
    t.equal(await sent.closeCode(), 1009);
    const grown = process.memoryUsage().rss - before;
    t.ok(grown < length / 2, `none of it is kept: ${grown} bytes more`);
    sent.tcp.destroy();
    await answers(witness);
    await witness.close();
    await nobody();
  });

  t.test('rejects each binary frame', async (t) => {
    const client = await connect();
    for (const size of [0, 1, 60_000]) {
      const from = client.frames.length;
      client.send(randomBytes(size));
      const answer = await client.frame((frame) => frame.op === 'error', from);
      t.match(answer, { code: 'RT_FRAME_INVALID', message: /text frame/ });
    }
    await answers(client);
    await client.close();
  });

  t.test('limits subscriptions per socket and per instance', async (t) => {
    const [first, second] = [await connect(), await connect()] as const;
    const bomb = (client: LiveClient) => {
      for (let n = 0; n < 900; n += 1)
        client.send({ op: 'subscribe', id: `s${n}`, query: `commentary?minute=eq.${n}` });
    };
    const count = (client: LiveClient, op: string) => client.frames.filter((frame) => frame.op === op).length;
    for (const [client, limit, code, where] of [
      [first, 100, 'RT_SOCKET_SUBSCRIPTIONS', 'socket'],
      [second, 50, 'RT_TOO_MANY_SUBSCRIPTIONS', 'instance'],
    ] as const) {
      bomb(client);
      await until(
        () => count(client, 'subscribed') + count(client, 'error') === 900,
        () => `900 answers; there are ${client.frames.length}, ${JSON.stringify(client.closed)}`,
      );
      t.equal(count(client, 'subscribed'), limit);
      for (const frame of client.frames.filter(({ op }) => op === 'error'))
        t.match(frame, { code, message: new RegExp(where), retry: true }, where);
    }
    t.equal(stats().subscriptions, 150);
    await second.close();
    await answers(first);

    await first.close();
    await nobody();
  });

  t.test('limits the frames that wait to be handled', async (t) => {
    const raw = await RawSocket.open(service.url);
    raw.tcp.cork();
    // Postgres is asked for its table; the others wait behind it.
    raw.text('{"op":"subscribe","id":"s","query":"not_asked_for_yet"}');
    for (let n = 0; n < 1_500; n += 1) raw.text('{"op":"ping"}');
    raw.tcp.uncork();
    t.equal(await raw.closeCode(), 4102);
    raw.tcp.destroy();
    await nobody();
  });

  t.test('rejects an unknown subprotocol for good', async (t) => {
    for (const offered of ['graphql-ws', 'tidemark.v2, mqtt']) {
      const raw = await RawSocket.open(service.url, { 'Sec-WebSocket-Protocol': offered });
      t.equal(await raw.closeCode(), 4103, offered);
      raw.tcp.destroy();
    }
    await nobody();
  });

  t.test('sends nothing after a token has expired', async (t) => {
    const client = await new LiveClient(service.url, { token: await token({ role: 'authenticated' }, 2) }).open();
    await client.subscribe('s', 'commentary?match_id=eq.5', { snapshot: true });
    await service.sql('insert into commentary (match_id, minute) values (5, 1)');
    await client.change(({ row }) => row?.minute === 1);
    await until(() => client.closed !== undefined, 'the end of the token');
    t.equal(client.closed?.code, 4101);
    t.match(client.frames.at(-1), { op: 'error', code: 'RT_TOKEN_EXPIRED', hint: /auth/ });
    await nobody();
  });
});
