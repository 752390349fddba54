/** Tests the proxies to realtime and metrics: bytes, limits, and the address and token of the client. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';
import { openHandshake } from './handshake.ts';

const ANSWER_101 = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
/** In place of realtime and metrics: hands each WebSocket to `accept`, and answers each request with what came. */
const seen: IncomingMessage[] = [];
let accept: (socket: Socket, request: IncomingMessage) => void = () => {};
/** Bodies that the requests of `seen` had. */
const bodies: string[] = [];
const upstream = createServer(async (request, response) => {
  seen.push(request);
  const body = String(Buffer.concat(await request.toArray()));
  if (body !== '') bodies.push(body);
  if (request.url?.startsWith('/api/v1/performance/busy')) response.writeHead(503, { 'retry-after': '0' });
  response.end(JSON.stringify(request.headers));
});
const upgraded = new Set<Socket>();
upstream.on('upgrade', (request: IncomingMessage, socket: Socket) => {
  seen.push(request);
  upgraded.add(socket);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => upgraded.delete(socket));
  socket.on('end', () => socket.end());
  socket.resume();
  accept(socket, request);
});
upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');
const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
t.teardown(() => {
  for (const socket of upgraded) socket.destroy();
  upstream.closeAllConnections();
  upstream.close();
});
/** Nobody listens there. */
const away = 'http://127.0.0.1:9';

const gateway = await useGateway(t, {
  env: {
    REALTIME_URL: `${away},${upstreamUrl}`,
    METRICS_URL: upstreamUrl,
    TRUST_PROXY: 'loopback',
    SLOW_READER_MS: '1000',
    SLOW_READER_BYTES_PER_S: '1000000',
  },
});

const handshake = (more = '', url = gateway.url, path = '/live') => openHandshake(url, more, path);
const figure = async (name: string, url = gateway.url) => {
  const lines = (await metricsPage(url)).split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};

t.test(
  'a handshake passes with its token, subprotocol and extensions, and with the address that it came from',
  async (t) => {
    accept = (socket) => socket.write(`${ANSWER_101}Sec-WebSocket-Protocol: tidemark.v1\r\n\r\n`);
    seen.length = 0;
    const client = handshake(
      'Authorization: Bearer abc\r\napikey: def\r\nSec-WebSocket-Protocol: tidemark.v1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n' +
        'X-Forwarded-For: 1.1.1.1, 203.0.113.7\r\nX-Real-IP: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n',
      gateway.url,
      '/live?x=%20y',
    );
    await until(() => client.text().includes('\r\n\r\n'), 'the handshake');
    t.match(client.text(), /^HTTP\/1\.1 101 [\s\S]*Sec-WebSocket-Protocol: tidemark\.v1\r\n/);
    t.equal(seen[0]?.url, '/live?x=%20y');
    t.match(seen[0]?.headers, {
      authorization: 'Bearer abc',
      apikey: 'def',
      'sec-websocket-protocol': 'tidemark.v1',
      'sec-websocket-extensions': 'permessage-deflate',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'x-forwarded-for': '203.0.113.7',
    });
    t.notOk(
      'x-real-ip' in (seen[0]?.headers ?? {}) || 'forwarded' in (seen[0]?.headers ?? {}),
      'what a client could forge',
    );
    t.equal(await figure('tidemark_http_upgraded_open'), 1);
    t.equal(await figure('tidemark_http_in_flight'), 1, 'the request for the figures itself');
    client.socket.destroy();
    await until(() => upgraded.size === 0, 'the upstream to hear that the client has gone');
  },
);

t.test('bytes pass both ways as they are, and either side’s end ends the other after what was sent', async (t) => {
  accept = (socket) => {
    socket.write(`${ANSWER_101}\r\nhello`);
    socket.on('data', (data) => socket.write(`<${data}>`));
    socket.on('data', (data) => String(data) === 'bye' && socket.end('last words'));
  };
  const client = handshake();
  await until(() => client.text().endsWith('hello'), 'what came with the handshake');
  client.socket.write('\x81\x85abcd');
  await until(() => client.text().endsWith('abcd>'), 'an echo');
  client.socket.write('bye');
  t.match(await client.closed, /<bye>last words$/);
  await until(() => upgraded.size === 0, 'the upstream to be closed');
});

t.test('an upstream that reads nothing: buffers little, stops the client, and cuts off both', async (t) => {
  accept = (socket) => {
    socket.write(`${ANSWER_101}\r\n`);
    socket.pause();
  };
  const before = process.memoryUsage().rss;
  const floods = Array.from({ length: 4 }, () => handshake());
  for (const { text } of floods) await until(() => text().includes('\r\n\r\n'), 'a handshake');
  const piece = Buffer.alloc(1024 ** 2);
  for (const { socket } of floods) for (let n = 0; n < 50; n += 1) socket.write(piece);
  let most = 0;
  await until(async () => {
    most = Math.max(most, await figure('tidemark_proxied_waiting_bytes{to="upstream"'));
    return floods.every(({ socket }) => socket.destroyed);
  }, 'the floods to be cut off');
  t.ok(most > 0 && most < 4 * 256 * 1024, `${most} bytes waited`);
  t.ok(process.memoryUsage().rss - before < 300 * 1024 ** 2, 'of which the test itself holds 200 MB');
  t.ok((await figure('tidemark_slow_readers_total')) >= 4);
  // A paused socket is not told of its end.
  for (const socket of upgraded) socket.destroy();
  await until(() => upgraded.size === 0, 'the upstream’s side to be closed');
});

t.test('a client that reads nothing: buffers little, stops the upstream, and cuts off both', async (t) => {
  let waiting = 0;
  accept = (socket) => {
    socket.write(`${ANSWER_101}\r\n`);
    const piece = Buffer.alloc(1024 ** 2);
    for (let n = 0; n < 50; n += 1) socket.write(piece);
    waiting = 0;
    const timer = setInterval(() => (waiting = Math.max(waiting, socket.writableLength)), 20);
    socket.on('close', () => clearInterval(timer));
  };
  const client = handshake();
  client.socket.pause();
  let most = 0;
  await until(async () => {
    most = Math.max(most, await figure('tidemark_proxied_waiting_bytes{to="client"'));
    return most > 0 && upgraded.size === 0;
  }, 'it to be cut off');
  t.ok(most < 256 * 1024, `${most} bytes waited at the gateway`);
  t.ok(waiting > 20 * 1024 ** 2, `${waiting} bytes stayed where they came from`);
  client.socket.destroy();
});

t.test('frames before the answer are refused, and nothing is kept while the upstream does not answer', async (t) => {
  const waiting: Socket[] = [];
  accept = (socket) => waiting.push(socket);
  t.match(await handshake('\r\n\x81\x85abcdfirst').closed, /^HTTP\/1\.1 400 [\s\S]*GATEWAY_UPGRADE_EARLY_DATA/);
  t.equal(waiting.length, 0, 'the upstream was not asked');
  const early = handshake();
  await until(() => waiting.length === 1, 'the upstream to be asked');
  early.socket.write('x'.repeat(1_000_000));
  await early.closed;
  await until(() => upgraded.size === 0, 'the upstream to be let go');
  waiting.length = 0;
  const client = handshake();
  await until(() => waiting.length === 1, 'the upstream to be asked');
  t.equal(await figure('tidemark_proxied_sockets{state="connecting"'), 1);
  client.socket.destroy();
  await until(() => upgraded.size === 0, 'the upstream to hear that the client has gone');
  await until(async () => (await figure('tidemark_proxied_sockets')) === 0, 'nothing to be left');
});

t.test('a refusal of the upstream is the client’s answer; without an upstream it is 503 at once', async (t) => {
  accept = (socket) =>
    socket.end(
      'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 4\r\nConnection: close\r\n\r\nslow',
    );
  t.match(await handshake().closed, /^HTTP\/1\.1 429 [\s\S]*Retry-After: 3\r\n[\s\S]*\r\n\r\nslow$/);
  const alone = await gateway.another({ REALTIME_URL: away, METRICS_URL: away });
  const began = Date.now();
  t.match(await handshake('', alone).closed, /^HTTP\/1\.1 503 [\s\S]*retry-after: 1\r\n[\s\S]*GATEWAY_UPSTREAM_AWAY/);
  for (const path of ['/live?query=teams', '/api/v1/performance/health', '/console/']) {
    const answer = await fetch(`${alone}${path}`);
    t.equal(answer.status, 503, path);
    t.match(await answer.json(), { code: 'GATEWAY_UPSTREAM_AWAY' });
  }
  t.ok(Date.now() - began < 10_000);
});

t.test('reads of the performance API are asked once, with the client’s address and without its cookies', async (t) => {
  seen.length = 0;
  const busy = await fetch(`${gateway.url}/api/v1/performance/busy`, {
    headers: {
      'x-forwarded-for': '1.1.1.1, 203.0.113.7',
      'x-forwarded-host': 'evil.example',
      authorization: 'Bearer x',
      cookie: 'session=1',
    },
  });
  t.equal(busy.status, 503);
  t.match(await busy.json(), { 'x-forwarded-for': '203.0.113.7', authorization: 'Bearer x' });
  t.equal(seen.length, 1, 'a 503 is not asked for again and again');
  t.notOk('x-forwarded-host' in (seen[0]?.headers ?? {}) || 'cookie' in (seen[0]?.headers ?? {}));
});

t.test('writes of the performance API pass with their bodies; other prefixes take none', async (t) => {
  const write = (path: string, body?: string, headers: Record<string, string> = {}, method = 'POST') =>
    fetch(`${gateway.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
  const json = { 'content-type': 'application/json', authorization: 'Bearer x', cookie: 'session=1' };
  const path = '/api/v1/performance/queries/analyze';
  seen.length = bodies.length = 0;
  const body = JSON.stringify({ query: 'x'.repeat(100_000) });
  const answer = await write(path, body, json);
  t.equal(answer.status, 200);
  t.match(await answer.json(), { authorization: 'Bearer x', 'content-length': String(body.length) });
  t.strictSame(bodies, [body]);
  t.notOk('cookie' in (seen[0]?.headers ?? {}), 'no cookie acts');
  t.equal((await write('/api/v1/performance/gc')).status, 200, 'without a body');
  t.equal((await write('/api/v1/performance/alerts/silences/1', undefined, {}, 'DELETE')).status, 200);
  t.strictSame(
    seen.map(({ method }) => method),
    ['POST', 'POST', 'DELETE'],
  );
  seen.length = 0;
  t.match(await (await write(path, 'x'.repeat(300_000), json)).json(), { code: 'GATEWAY_BODY_LIMIT', status: 413 });
  t.match(await (await chunked(path)).json(), { code: 'GATEWAY_PROXY_LENGTH', status: 411 });
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ];
  for (const headers of foreign) {
    const forged = await write('/api/v1/performance/gc', 'a=b', { ...headers, 'content-type': 'text/plain' });
    t.match(await forged.json(), { code: 'GATEWAY_CROSS_SITE', status: 403 }, JSON.stringify(headers));
  }
  for (const closed of ['/console/', '/api/metrics/health']) {
    t.equal((await write(closed, '{}', json)).status, 404, closed);
  }
  t.equal((await write(path, '{}', json, 'PUT')).status, 404);
  t.equal(seen.length, 0, 'none of these is passed on');
  t.equal((await write('/api/v1/performance/gc', undefined, { origin: gateway.url })).status, 200, 'of the console');
});

const chunked = (path: string) =>
  fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: new Blob(['{}']).stream(),
    duplex: 'half',
  } as RequestInit);

t.test('more WebSockets and proxied requests than OPENS_PER_S: 429, for this address alone', async (t) => {
  accept = (socket) => socket.end(`${ANSWER_101}\r\n`);
  const limited = await gateway.another({ OPENS_PER_S: '1', IDENTITY_SHARE_PERCENT: '10' });
  const ask = (address: string) => handshake(`X-Forwarded-For: ${address}\r\n`, limited).closed;
  const answers: string[] = [];
  for (let n = 0; n < 30; n += 1) answers.push(await ask('203.0.113.7'));
  const statuses = answers.map((answer) => answer.slice(9, 12));
  t.ok(statuses.filter((status) => status === '101').length >= 15, 'half of 30 s’ worth');
  const refused = answers.find((answer) => answer.startsWith('HTTP/1.1 429'));
  t.match(refused, /retry-after: \d+\r\n[\s\S]*LIMIT_RATE/);
  const http = await fetch(`${limited}/console/`, { headers: { 'x-forwarded-for': '203.0.113.7' } });
  t.equal(http.status, 429);
  t.match(await ask('198.51.100.1'), /^HTTP\/1\.1 101/);
});
