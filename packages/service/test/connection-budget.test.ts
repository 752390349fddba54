import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import {
  buildBaseApp,
  createHealth,
  createLogger,
  createMetrics,
  type DescriptorEvent,
  openDescriptors,
} from '../src/index.ts';

/** Own descriptors are set so that clients get eight of them. */
async function listen(t: Test, clients = 8) {
  const events: DescriptorEvent[] = [];
  const metrics = createMetrics('test');
  const observe = (event: DescriptorEvent) => events.push(event);
  const descriptors = openDescriptors({ own: 100_000, wanted: 1_000, metrics, observe, limit: clients * 4 });
  const app = buildBaseApp({
    logger: createLogger({ service: 'test', instance: 'i', level: 'silent' }),
    health: createHealth(),
    metrics,
    descriptors,
    observe,
  });
  app.get('/plain', async () => 'plain');
  let finish: (() => void) | undefined;
  app.get('/two', { config: { descriptors: true } }, () => new Promise((resolve) => (finish = () => resolve('two'))));
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return { app, port, descriptors, events, finish: () => finish?.(), isAsked: () => finish !== undefined };
}

async function ask(socket: Socket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return String(answer);
}

async function open(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  // The server resets this connection on purpose.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

t.test('a connection past the descriptor budget gets 503 and is closed; probes are answered', async (t) => {
  const { port, descriptors, events } = await listen(t);
  t.match(events, [{ type: 'descriptors.low', forClients: 8, wanted: 1_000, hint: /Raise ulimit -n/ }]);
  const sockets: Socket[] = [];
  // Each asks for something, so that none is idle and closed to make room.
  for (let n = 0; n < 8; n += 1) {
    const socket = await open(t, port);
    socket.write('GET /plain HTTP/1.1\r\nHost: test\r\n');
    sockets.push(socket);
  }
  await until(() => descriptors.taken === 8);
  const refused = await ask(await open(t, port), '/plain');
  t.match(refused, /^HTTP\/1\.1 503 /);
  t.match(refused, /retry-after: 1/i);
  t.match(refused, /connection: close/i);
  t.match(refused, /HTTP_OUT_OF_DESCRIPTORS/);
  t.match(await ask(await open(t, port), '/livez'), /^HTTP\/1\.1 200 /);
  t.match(events.at(-1), { type: 'descriptors.refusing', forClients: 8 });

  const silent = await Promise.all(Array.from({ length: 60 }, () => open(t, port)));
  t.match(await ask(await open(t, port), '/readyz'), /^HTTP\/1\.1 200 /, 'silent newcomers give way to the next');
  for (const socket of silent) socket.destroy();

  sockets.pop()?.destroy();
  await until(() => descriptors.taken === 7);
  t.match(await ask(await open(t, port), '/plain'), /^HTTP\/1\.1 200 /, 'it goes on by itself');
});

t.test(
  'a request that needs a second descriptor is refused when none is left, and returns it afterwards',
  async (t) => {
    const { port, descriptors, finish, isAsked } = await listen(t, 2);
    const socket = await open(t, port);
    const first = ask(socket, '/two');
    await until(() => isAsked() && descriptors.taken === 2);
    finish();
    t.match(await first, /^HTTP\/1\.1 200 /);
    await until(() => descriptors.taken === 1);
    const other = await open(t, port);
    await until(() => descriptors.taken === 2);
    t.match(await ask(other, '/two'), /^HTTP\/1\.1 503 /);
    socket.destroy();
    other.destroy();
    await until(() => descriptors.taken === 0);
  },
);

t.test(
  'what pipelined requests hold is given back when their connection closes, also behind one that is not answered',
  async (t) => {
    const { app, port, descriptors } = await listen(t, 16);
    const socket = await open(t, port);
    for (let n = 0; n < 3; n += 1) socket.write('GET /two HTTP/1.1\r\nHost: test\r\n\r\n');
    await until(() => descriptors.taken === 4);
    socket.destroy();
    await until(() => descriptors.taken === 0);
    t.ok(app.server.listening);
  },
);

t.test('a failed accept is reported, and the server accepts again', async (t) => {
  const { app, port, events } = await listen(t);
  const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' });
  t.doesNotThrow(() => app.server.emit('error', error));
  t.match(events.at(-1), { type: 'descriptors.accept_failed', error });
  t.match(await ask(await open(t, port), '/plain'), /^HTTP\/1\.1 200 /);
});
