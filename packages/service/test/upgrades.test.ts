import type { AddressInfo } from 'node:net';
import { until } from '@tidemark/testing';
import t from 'tap';
import { buildBaseApp, createHealth, createLogger, createMetrics, httpStats, takeUpgrades } from '../src/index.ts';
import { openRaw } from './raw-http.ts';

const metrics = createMetrics('test');
const app = buildBaseApp({
  logger: createLogger({ service: 'test', instance: 'i', level: 'silent' }),
  health: createHealth(),
  metrics,
});
app.get('/things', async (request) => ({ upgrade: request.headers.upgrade ?? null }));
app.post('/things', async (request) => ({ got: request.body }));
takeUpgrades(app, '/live', (_request, socket) => {
  socket.on('error', () => socket.destroy());
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  socket.pipe(socket);
});
await app.listen({ port: 0, host: '127.0.0.1' });
t.teardown(() => app.close());
const { port } = app.server.address() as AddressInfo;

/** As Java's HttpClient sends its first request on a connection. */
const H2C =
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n';
const WEBSOCKET =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

const openConnections = () =>
  new Promise<number>((resolve) => app.server.getConnections((_error, number) => resolve(number)));
const connectionsAre = (count: number) =>
  until(async () => (await openConnections()) === count, `${count} connections are open`);

t.test('a request for h2c is answered as plain HTTP/1.1, and so is the next one on its connection', async (t) => {
  for (const path of ['/things', '/livez', '/nowhere']) {
    const raw = openRaw(port, `GET ${path} HTTP/1.1\r\nHost: x\r\n${H2C}\r\n`);
    await raw.until((text) => text.includes('\r\n\r\n') && text.endsWith('}'));
    t.match(raw.text(), path === '/nowhere' ? /^HTTP\/1\.1 404 / : /^HTTP\/1\.1 200 /, path);
    raw.socket.write(`GET /things HTTP/1.1\r\nHost: x\r\n${H2C}\r\n`);
    await raw.until((text) => text.endsWith('{"upgrade":null}') && text.split('HTTP/1.1 ').length === 3);
    raw.socket.destroy();
  }
  await connectionsAre(0);
});

t.test('reads the bodies of declined upgrades, and answers requests that follow them', async (t) => {
  const body = JSON.stringify({ text: 'x'.repeat(100_000) });
  const head = `POST /things HTTP/1.1\r\nHost: x\r\n${H2C}Content-Type: application/json\r\n`;
  for (const request of [
    `${head}Content-Length: ${body.length}\r\n\r\n${body}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ]) {
    const raw = openRaw(port, `${request}GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const text = await raw.closed;
    t.match(text, /^HTTP\/1\.1 200 [\s\S]*\{"got":\{"text":"xxx/);
    t.match(text, /HTTP\/1\.1 200 [\s\S]*\{"status":"ok"\}$/);
  }
  const waiting = openRaw(port, `${head}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
  await waiting.until((text) => text.startsWith('HTTP/1.1 100 '));
  waiting.socket.write(body);
  await waiting.until((text) => text.includes('"got"'));
  waiting.socket.destroy();
  await connectionsAre(0);
});

t.test(
  'a WebSocket to a path that serves none is refused with 404 and closed, also for a client that stays',
  async (t) => {
    for (const path of ['/', '/things', '/livez', '/metrics', '/live/', '/nowhere?a=b']) {
      const raw = openRaw(port, `GET ${path} HTTP/1.1\r\nHost: x\r\n${WEBSOCKET}\r\n`);
      const text = await raw.closed;
      t.match(text, /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*content-type: application\/problem\+json/, path);
      t.match(JSON.parse(text.split('\r\n\r\n')[1] ?? ''), { code: 'HTTP_NO_WEBSOCKET', hint: /\/live/ });
    }
    t.match(await openRaw(port, `POST /live HTTP/1.1\r\nHost: x\r\n${WEBSOCKET}\r\n`).closed, /^HTTP\/1\.1 404 /);
    await connectionsAre(0);
  },
);

t.test('open WebSockets and event streams do not count as requests in flight', async (t) => {
  const figure = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values.reduce((sum, { value }) => sum + value, 0);
  const sockets = Array.from({ length: 3 }, () => openRaw(port, `GET /live HTTP/1.1\r\nHost: x\r\n${WEBSOCKET}\r\n`));
  for (const raw of sockets) await raw.until((text) => text.startsWith('HTTP/1.1 101 '));
  t.equal(httpStats(app).inFlight, 0);
  t.equal(await figure('tidemark_http_in_flight'), 0);
  t.equal(await figure('tidemark_http_upgraded_open'), 3);
  for (const raw of sockets) {
    raw.socket.write('echo');
    await raw.until((text) => text.endsWith('echo'));
    raw.socket.end();
    await raw.closed;
  }
  await connectionsAre(0);
  t.equal(await figure('tidemark_http_upgraded_open'), 0);
});
