/** Tests the limits of a gateway: rates, sizes, slow clients, browsers. */

import { connect, type Socket } from 'node:net';
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const gateway = await useGateway(t, {
  script: `
    create table public.wide (id int primary key, text text not null);
    insert into public.wide select i, repeat(md5(i::text), 400) from generate_series(1, 2000) i;
    grant select on public.wide to anon, authenticated;`,
  env: {
    RATE_LIMITS: 'ops=3/60s,anon=100000/1s',
    RATE_LIMITS_BIND: 'always',
    IDENTITY_SHARE_PERCENT: '100',
    HEADERS_TIMEOUT_MS: '600',
    SLOW_READER_MS: '700',
    SLOW_READER_BYTES_PER_S: String(5 * 1024 ** 2),
    CACHE_BYTES: '0',
    BODY_LIMIT_BYTES: '10000',
  },
});

/** A bare connection; `closed` resolves to what came. */
function open(url = gateway.url): { socket: Socket; closed: Promise<string> } {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('latin1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  // The server resets this connection on purpose.
  socket.on('error', () => {});
  return { socket, closed: new Promise((resolve) => socket.once('close', () => resolve(text))) };
}
const metric = async (name: string, url = gateway.url) => {
  const page = await metricsPage(url);
  const lines = page.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};
const problem = (answer: string) => JSON.parse(answer.split('\r\n\r\n')[1] ?? 'null');

t.test('answers 429 beyond the rate of an identity, and tells the rate in headers', async (t) => {
  const ask = (sub: string) => gateway.request('/rest/v1/wide?select=id&limit=1', { claims: { role: 'ops', sub } });
  for (const left of [2, 1, 0]) {
    const answer = await ask('ada');
    t.equal(answer.headers.get('ratelimit-policy'), '"ops";q=3;w=60');
    t.match(answer.headers.get('ratelimit'), new RegExp(`^"ops";r=${left};t=\\d+$`));
    await answer.body?.cancel();
  }
  const refused = await ask('ada');
  t.equal(refused.status, 429);
  t.ok(Number(refused.headers.get('retry-after')) >= 19, 'a third of the window');
  t.equal(refused.headers.get('content-type'), 'application/problem+json; charset=utf-8');
  t.match(await refused.json(), { code: 'GATEWAY_RATE_LIMITED', hint: /Retry-After/ });
  t.match((await ask('bob')).headers.get('ratelimit'), /r=2/, 'another subject');
  const free = await gateway.request('/rest/v1/wide?limit=1', { claims: { role: 'authenticated', sub: 'ada' } });
  t.equal(free.headers.get('ratelimit'), null, 'a role without a limit');
  t.match(
    (await gateway.request('/rest/v1/wide?limit=1')).headers.get('ratelimit'),
    /^"anon";r=9999[89];/,
    'by address',
  );
  t.equal(await metric('tidemark_rate_limited_total{policy="ops"'), 1);
  t.equal(await metric('tidemark_rate_limit_identities'), 3);
});

t.test('by default, limits of identities apply, and send headers, only while the gateway is busy', async (t) => {
  const idle = await gateway.another({ RATE_LIMITS: 'anon=2/60s', RATE_LIMITS_BIND: 'busy' });
  for (let n = 0; n < 10; n += 1) {
    const answer = await fetch(`${idle}/rest/v1/wide?select=id&limit=1`);
    t.equal(answer.status, 200);
    t.equal(answer.headers.get('ratelimit'), null);
  }
  // The gateway takes two requests, so it is busy while it answers one.
  const busy = await gateway.another({
    RATE_LIMITS: 'anon=2/60s',
    RATE_LIMITS_BIND: 'busy',
    REQUESTS_MAX: '2',
    TRUST_PROXY: 'loopback',
    SHED_LOOP_MS: '0',
  });
  const slow = open(busy);
  slow.socket.write(
    'POST /rest/v1/wide HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n',
  );
  await until(async () => (await metric('tidemark_over_half', busy)) === 1);
  const ask = async (address: string) => {
    const answer = await fetch(`${busy}/rest/v1/wide?select=id&limit=1`, { headers: { 'x-forwarded-for': address } });
    return answer.status === 429 ? ((await answer.json()) as { code: string }).code : answer.status;
  };
  const seen = new Set<unknown>();
  for (let n = 0; n < 4; n += 1) seen.add(await ask('203.0.113.7'));
  t.same([...seen], [200, 'GATEWAY_RATE_LIMITED']);
  t.equal(await ask('198.51.100.1'), 200, 'another address');
  slow.socket.destroy();
  // Each request is itself half of REQUESTS_MAX while it is answered.
  await until(async () => (await ask('203.0.113.7')) === 200);
});

t.test('a flood of invalid tokens from one address is refused unchecked; other addresses are served', async (t) => {
  const url = await gateway.another({
    BAD_TOKENS_PER_S: '2',
    IDENTITY_SHARE_PERCENT: '10',
    TRUST_PROXY: 'loopback',
  });
  const ask = async (address: string, token: string) => {
    const headers = { 'x-forwarded-for': address, authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/rest/v1/wide?select=id&limit=1`, { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  const known = await gateway.token({ role: 'authenticated', sub: 'ada' });
  t.equal(await ask('203.0.113.7', known), 200);
  const statuses = await Promise.all(
    Array.from({ length: 60 }, (_, n) => ask('203.0.113.7', `eyJhbGciOiJIUzI1NiJ9.${n}.x`)),
  );
  t.ok(statuses.includes(401) && statuses.filter((status) => status === 429).length > 30, statuses.join());
  t.equal(await ask('203.0.113.7', known), 200, 'a token that is known costs no check');
  t.equal(await ask('198.51.100.1', await gateway.token({ role: 'authenticated', sub: 'bob' })), 200);
  t.equal(await ask('198.51.100.1', 'eyJhbGciOiJIUzI1NiJ9.x.x'), 401);
});

t.test('/metrics is for operators, and no origin is told that it may read it', async (t) => {
  for (const [authorization, status] of [
    ['', 401],
    [`Bearer ${await gateway.token({ role: 'authenticated', sub: 'ada' })}`, 401],
    [`Bearer ${await gateway.token({ role: 'ops' })}`, 200],
  ] as const) {
    const headers = { origin: 'https://app.example', ...(authorization ? { authorization } : {}) };
    const answer = await gateway.request('/metrics', { headers });
    t.equal(answer.status, status);
    t.equal(answer.headers.get('access-control-allow-origin'), null);
    await answer.body?.cancel();
  }
});

t.test('beyond half of CONNECTIONS_MAX an address has a share of the connections', async (t) => {
  const url = await gateway.another({
    CONNECTIONS_MAX: '40',
    IDENTITY_SHARE_PERCENT: '10',
    HEADERS_TIMEOUT_MS: '60000',
  });
  const held = Array.from({ length: 20 }, () => open(url));
  t.teardown(() => {
    for (const { socket } of held) socket.destroy();
  });
  for (const { socket } of held) socket.write('GET /rest/v1/wide?limit=1 HTTP/1.1\r\nhost: x\r\n');
  await until(async () => (await metric('tidemark_http_connections', url)) >= 20);
  const refused = open(url);
  refused.socket.write('GET /rest/v1/wide?limit=1 HTTP/1.1\r\nhost: x\r\n\r\n');
  t.match(problem(await refused.closed), { status: 503, message: /your address has its share/ });
  const silent = open(url);
  await silent.closed;
  t.ok((await metric('tidemark_rate_limited_total{policy="connections"', url)) >= 2);
  const other = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress: '127.0.0.2' });
  other.write('GET /rest/v1/wide?select=id&limit=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  let text = '';
  for await (const chunk of other) text += chunk;
  t.match(text, /^HTTP\/1\.1 200 /);
});

t.test('refuses a URL of 1 MB, large headers and other protocols clearly, without using memory', async (t) => {
  const ask = async (text: string) => {
    const { socket, closed } = open();
    socket.write(text, 'latin1');
    return closed;
  };
  const url = `GET /rest/v1/wide?id=in.(${'1,'.repeat(512 * 1024)}1) HTTP/1.1\r\nhost: x\r\n\r\n`;
  const long = await ask(url);
  t.match(long, /^HTTP\/1\.1 414 URI Too Long\r\n/);
  t.match(problem(long), { code: 'HTTP_URL_TOO_LONG', hint: /POST/, status: 414 });
  const large = await ask(`GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`);
  t.match(large, /^HTTP\/1\.1 431 /);
  t.match(problem(large), { code: 'HTTP_HEADERS_TOO_LARGE' });
  const tls = await ask('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
  t.match(problem(tls), { status: 400, code: 'HTTP_NOT_HTTP', hint: /HTTPS/ });
  for (const smuggled of [
    'POST /rest/v1/wide HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'GET /livez HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n',
  ]) {
    t.match(problem(await ask(smuggled)), { status: 400, code: 'HTTP_NOT_HTTP' });
  }
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 100; i += 1) await ask(url);
  t.ok(process.memoryUsage().rss - before < 120 * 1024 ** 2, '100 MB of URLs are not kept');
  t.ok((await metric('tidemark_http_unparsed_total')) >= 105);
  const encoding = await fetch(`${gateway.url}/rest/v1/%E0%A4%A`);
  t.match(await encoding.json(), { status: 400, code: 'HTTP_BAD_URL', hint: /Percent/ });
  const body = await gateway.request('/rest/v1/wide', { method: 'POST', body: `"${'x'.repeat(20_000)}"` });
  t.match(await body.json(), { status: 413 });
});

t.test('answers 408 to slow headers and silent connections', async (t) => {
  const silent = open();
  const slow = open();
  slow.socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n');
  const timer = setInterval(() => slow.socket.writable && slow.socket.write('x: y\r\n'), 50);
  const began = Date.now();
  const answers = await Promise.all([slow.closed, silent.closed]);
  clearInterval(timer);
  for (const answer of answers) t.match(problem(answer), { status: 408, code: 'HTTP_TOO_SLOW' });
  t.ok(Date.now() - began < 20_000, 'long before the default of a minute');
});

t.test('cuts off a client that does not read its answer, but not one that reads it slowly', async (t) => {
  const ask = () => {
    const { socket, closed } = open();
    socket.write('GET /rest/v1/wide HTTP/1.1\r\nhost: x\r\naccept-encoding: identity\r\n\r\n');
    return { socket, closed };
  };
  const stuck = [ask(), ask(), ask()];
  for (const { socket } of stuck) socket.pause();
  await until(async () => (await metric('tidemark_unsent_bytes')) > 1024 ** 2);
  await until(async () => (await metric('tidemark_slow_readers_total')) === 3);
  for (const { socket } of stuck) socket.destroy();
  await until(async () => (await metric('tidemark_unsent_bytes')) === 0);

  const slow = ask();
  slow.socket.on('data', () => {
    slow.socket.pause();
    setTimeout(() => slow.socket.resume(), 1);
  });
  slow.socket.on('data', (chunk) => String(chunk).endsWith('}]') && slow.socket.end());
  t.ok((await slow.closed).length > 20_000_000);
  t.equal(await metric('tidemark_slow_readers_total'), 3);
});

t.test('beyond CONNECTIONS_MAX answers 503 and closes, serves probes, and closes idle connections', async (t) => {
  // Half a request each, so not idle; and not so slow as to be cut off meanwhile.
  const full = await gateway.another({ CONNECTIONS_MAX: '60', HEADERS_TIMEOUT_MS: '60000' });
  const busy = Array.from({ length: 70 }, () => open(full));
  t.teardown(() => {
    for (const { socket } of busy) socket.destroy();
  });
  for (const { socket } of busy) socket.write('GET /rest/v1/wide?limit=1 HTTP/1.1\r\nhost: x\r\n');
  await until(async () => (await metric('tidemark_http_connections', full)) >= 70);
  const refused = open(full);
  refused.socket.write('GET /rest/v1/wide?limit=1 HTTP/1.1\r\nhost: x\r\n\r\n');
  const answer = await refused.closed;
  t.match(
    answer,
    /^HTTP\/1\.1 503 [\s\S]*access-control-allow-origin: \*[\s\S]*retry-after: 1\r\n[\s\S]*connection: close/i,
  );
  t.match(problem(answer), { code: 'GATEWAY_OVERLOADED', hint: /Retry-After/ });
  const probe = open(full);
  probe.socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n');
  t.match(await probe.closed, /^HTTP\/1\.1 200 /);
  t.ok((await metric('tidemark_shed_total{', full)) >= 1);
  for (const { socket } of busy) socket.destroy();
  await until(async () => (await fetch(`${full}/rest/v1/wide?limit=1`)).status === 200);
});
