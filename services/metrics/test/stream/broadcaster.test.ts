import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import type { MetricsEvent } from '../../src/events.ts';
import { createBroadcaster } from '../../src/stream/broadcaster.ts';

/** Exceeds the buffers of the kernel. */
const LARGE = JSON.stringify('x'.repeat(16 * 1024 ** 2));

async function useBroadcaster(t: Test, stallMs: number, expires?: number) {
  const events: MetricsEvent[] = [];
  const broadcaster = createBroadcaster({ limit: 2, stallMs, observe: (event) => events.push(event) });
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (!broadcaster.add(response, expires)) response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    broadcaster.close();
    server.close();
  });
  const open = async () => {
    const clients = broadcaster.stats().clients;
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await until(() => broadcaster.stats().clients > clients, 'the client is there');
    return socket;
  };
  return { broadcaster, open, events };
}

t.test('a client that does not read skips events, then is dropped; another client gets all events', async (t) => {
  const { broadcaster, open, events } = await useBroadcaster(t, 1_000);
  const slow = await open();
  slow.pause();
  const quick = await open();
  let received = 0;
  quick.on('data', (data: Buffer) => {
    received += data.length;
  });
  t.ok(broadcaster.full());
  for (let second = 0; second < 3; second++) {
    broadcaster.send('health', LARGE, second * 500);
    await until(() => received > LARGE.length * (second + 1), 'the quick one has read it');
  }
  t.same(broadcaster.stats(), { clients: 1, skippedTotal: 1, droppedTotal: 1 });
  t.match(events.at(-1), { type: 'metrics.stream_closed', reason: 'slow', clients: 1 });
});

t.test('ends the stream when the token expires', async (t) => {
  const { broadcaster, open } = await useBroadcaster(t, 1_000, 5_000);
  const socket = await open();
  let text = '';
  socket.on('data', (data: Buffer) => {
    text += data;
  });
  broadcaster.send('health', '1', 4_999);
  broadcaster.send('health', '2', 5_000);
  await until(() => text.includes('event: expired'), 'the end is said');
  t.ok(text.includes('data: 1'));
  t.notOk(text.includes('data: 2'));
  t.equal(broadcaster.stats().clients, 0);
});

t.test('removes clients that disconnect', async (t) => {
  const { broadcaster, open } = await useBroadcaster(t, 1_000);
  (await open()).destroy();
  await until(() => broadcaster.stats().clients === 0, 'it is forgotten');
});
