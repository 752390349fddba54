import { connect as connectTcp, type Socket } from 'node:net';
import { connectBus } from '@tidemark/bus';
import { Telemetry, type Telemetry as TelemetryMessage } from '@tidemark/contracts';
import { metricsPage, until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

t.test('sockets', async (t) => {
  const service = await startTestRealtime(undefined, {
    MAX_SUBSCRIPTIONS_PER_SOCKET: '2',
    MAX_SOCKETS: '20',
    // All clients come from one address.
    IDENTITY_SHARE_PERCENT: '100',
    SOCKET_BUFFER_BYTES: '65536',
    SLOW_MS: '300',
    PING_MS: '1000',
    MAX_FRAME_BYTES: '1024',
    FRAMES_PER_SECOND: '50',
  });
  t.teardown(() => service.stop());
  const http = service.url.replace('ws', 'http');

  t.test('answers a malformed frame with what was expected, and keeps the socket open', async (t) => {
    const client = await new LiveClient(service.url).open();
    const cases: [unknown, RegExp][] = [
      ['{', /JSON was expected/],
      ['[]', /a JSON object/],
      ['null', /a JSON object/],
      [{}, /one of auth, subscribe, unsubscribe/],
      [{ op: 'toString' }, /"toString"; one of auth/],
      [{ op: 'subscribe', id: 's' }, /query/],
      [{ op: 'subscribe', id: '', query: 'x' }, /"id"/],
      [{ op: 'subscribe', id: 's', query: 'x', extra: 1 }, /subscribe: /],
      [{ op: 'subscribe', id: 's', query: 'x', after: 'nonsense' }, /"after"/],
      [{ op: 'auth', token: 7 }, /"token"/],
      [Buffer.from([0, 1, 2]), /text frame/],
    ];
    for (const [n, [frame, expected]] of cases.entries()) {
      client.send(frame);
      const answer = await client.frame((f) => f.op === 'error', n + 1);
      t.match(answer, { code: 'RT_FRAME_INVALID', message: expected, retry: false });
    }
    client.send({ op: 'unsubscribe', id: 'none' });
    t.match(await client.frame((f) => f.code === 'RT_ID_UNKNOWN'), { op: 'error' });
    await client.subscribe('s', 'commentary?match_id=eq.1');
    t.match(await client.refusal('again', 'commentary?match_id=in.(1)'), { code: 'RT_QUERY_IN_USE' });
    await client.subscribe('two', 'commentary?match_id=eq.2');
    t.match(await client.refusal('three', 'commentary'), { code: 'RT_SOCKET_SUBSCRIPTIONS', retry: true });
    client.send({ op: 'unsubscribe', id: 's' });
    await client.frame((f) => f.op === 'unsubscribed' && f.id === 's');
    await client.subscribe('three', 'commentary');
    client.send('x'.repeat(2_000));
    await until(() => client.closed !== undefined, 'the socket to close');
    t.equal(client.closed?.code, 1009);
  });

  t.test('drops too many frames in a second, with one error', async (t) => {
    const client = await new LiveClient(service.url).open();
    for (let n = 0; n < 200; n += 1) client.send({ op: 'unsubscribe', id: 'none' });
    await client.frame((frame) => frame.code === 'RT_FRAME_RATE');
    const from = client.frames.length;
    await until(() => {
      // In the next second it is heard again.
      client.send({ op: 'unsubscribe', id: 'none' });
      return client.frames.slice(from).some((frame) => frame.code === 'RT_ID_UNKNOWN');
    }, 'an answer');
    t.ok(client.frames.filter((frame) => frame.code === 'RT_FRAME_RATE').length <= 3, 'not one for each');
    await client.close();
  });

  t.test('accepts tokens in header, apikey and auth frame, and rejects invalid and expired ones', async (t) => {
    const ops = await token({ role: 'ops' });
    for (const options of [{ token: ops }, { headers: { apikey: ops } }]) {
      const client = await new LiveClient(service.url, options).open();
      t.match(client.frames[0], { op: 'ready', role: 'ops' });
      await client.close();
    }
    const client = await new LiveClient(service.url).open();
    t.match(client.frames[0], { op: 'ready', role: 'anon' });
    client.send({ op: 'auth', token: ops });
    t.match(await client.frame((frame) => frame.op === 'ready', 1), { role: 'ops' });
    client.send({ op: 'auth', token: 'x.y.z' });
    t.match(await client.frame((frame) => frame.op === 'error'), { code: 'AUTH_TOKEN_INVALID' });
    t.notOk(client.closed, 'the token before it still holds');
    client.send({ op: 'auth', token: await token({ role: 'ops' }, 1) });
    await until(() => client.closed !== undefined, 'the token to expire');
    t.equal(client.closed?.code, 4101);

    const refused = new LiveClient(service.url, { token: `${ops}x` });
    await until(() => refused.closed !== undefined, 'the refusal');
    t.equal(refused.closed?.code, 4100);
  });

  t.test('rejects a wrong subprotocol and a socket over the limit with the reason', async (t) => {
    const wrong = new LiveClient(service.url, { protocols: ['graphql-ws', 'tidemark.v1'] });
    await wrong.open();
    t.equal(wrong.ws.protocol, 'tidemark.v1');
    await wrong.close();
    await until(() => service.realtime.socketStats().open === 0, 'the others to close');
    const clients = await Promise.all(Array.from({ length: 20 }, () => new LiveClient(service.url).open()));
    const late = new LiveClient(service.url);
    await until(() => late.closed !== undefined, 'the refusal');
    t.match(late.closed, { code: 1013, reason: /20 sockets/ });
    await Promise.all(clients.map((client) => client.close()));
  });

  t.test('cuts off a client that does not read, without delaying others', async (t) => {
    const reader = await new LiveClient(service.url).open();
    const stalled = await new LiveClient(service.url).open();
    t.teardown(() => {
      for (const client of [reader, stalled]) client.ws.terminate();
    });
    for (const client of [reader, stalled]) await client.subscribe('s', 'commentary?match_id=eq.500');
    (stalled.ws as unknown as { _socket: { pause(): void } })._socket.pause();
    const before = service.realtime.socketStats();
    let rows = 0;
    // Each time less than half a buffer, read before the next: the reader is never slow, on whatever machine.
    await until(
      async () => {
        await service.sql(
          `insert into commentary (match_id, body) select 500, repeat('x', 2000) from generate_series(1, 10)`,
        );
        rows += 10;
        await until(() => reader.changes().length === rows, 'the reader to have it all');
        return service.realtime.socketStats().closedTotal > before.closedTotal;
      },
      'the cut',
      60_000,
    );
    t.notOk(reader.closed);
    t.ok(service.realtime.socketStats().bufferedBytes < 2_000_000);
    await reader.close();
  });

  t.test('resyncs a slow client that reads again in time', async (t) => {
    const other = await service.another({ SLOW_MS: '60000', PING_MS: '60000' });
    t.teardown(() => other.stop());
    const client = await new LiveClient(other.url).open();
    const topic = await client.subscribe('s', 'commentary?match_id=eq.600');
    const { _socket: socket } = client.ws as unknown as { _socket: Socket };
    socket.pause();
    let rows = 0;
    await until(async () => {
      await service.sql(
        `insert into commentary (match_id, body) select 600, repeat('x', 2000) from generate_series(1, 500)`,
      );
      rows += 500;
      return other.realtime.socketStats().resyncsTotal > 0;
    }, 'the limit');
    // Its answers come, too, however full its buffer is.
    client.send({ op: 'unsubscribe', id: 'none' });
    socket.resume();
    t.match(await client.frame((frame) => frame.op === 'resync'), { topic, reason: /too slow/ });
    await client.frame((frame) => frame.code === 'RT_ID_UNKNOWN');
    t.ok(client.changes().length < rows, 'something was missed');
    t.notOk(client.closed);
    await client.close();
  });

  t.test('cuts off a client that sends pings and reads none of the answers', async (t) => {
    const other = await service.another({ PING_MS: '60000' });
    t.teardown(() => other.stop());
    const client = await new LiveClient(other.url).open();
    t.teardown(() => client.ws.terminate());
    (client.ws as unknown as { _socket: Socket })._socket.pause();
    const payload = Buffer.alloc(125);
    await until(
      async () => {
        for (let n = 0; n < 1_000; n += 1) client.ws.ping(payload);
        return other.realtime.socketStats().open === 0;
      },
      'the cut',
      60_000,
    );
    t.equal(other.realtime.socketStats().bufferedBytes, 0);
  });

  t.test('cuts off a half-open connection', async (t) => {
    const raw = connectTcp(Number(new URL(http).port), '127.0.0.1');
    raw.write(
      `GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`,
    );
    // `close` follows, and the test waits for it.
    raw.on('error', () => {});
    let closed = false;
    raw.on('close', () => {
      closed = true;
    });
    // It reads, but never answers a ping.
    raw.resume();
    await until(() => closed, 'the cut');
    t.equal(service.realtime.socketStats().open, 0);
  });

  t.test('reports health, metrics and counts', async (t) => {
    const client = await new LiveClient(service.url).open();
    await client.subscribe('s', 'commentary');
    t.equal((await fetch(`${http}/livez`)).status, 200);
    t.equal((await fetch(`${http}/readyz`)).status, 200);
    const metrics = await metricsPage(http);
    t.match(metrics, /tidemark_sockets_open\{[^}]*\} 1\n/);
    t.match(metrics, /tidemark_relay_active\{[^}]*\} 1\n/);
    t.match(service.realtime.socketStats(), { open: 1, subscriptions: 1, topics: 1 });
    t.match(service.realtime.relay?.stats(), { role: 'active', lastError: null });
    await client.close();
  });

  t.test('reports telemetry in the agreed form', async (t) => {
    const stack = await useTestStack();
    const bus = await connectBus({ url: stack.natsUrl, name: 'test', prefix: service.prefix });
    t.teardown(() => bus.close());
    const seen: TelemetryMessage[] = [];
    bus.subscribe<TelemetryMessage>(bus.subjects.allTelemetry, (payload) => seen.push(payload), { schema: Telemetry });
    await until(() => seen.length > 0, 'telemetry');
    t.match(seen[0], {
      service: 'realtime',
      ready: true,
      sockets: { open: 0 },
      relay: { role: 'active', lastError: null },
    });
    t.ok(seen[0]?.pools?.length && seen[0].replicas?.length && seen[0].relay?.confirmedLsn);
  });
});
