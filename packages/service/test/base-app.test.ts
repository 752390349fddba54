import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { TidemarkError } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import t from 'tap';
import {
  buildBaseApp,
  createHealth,
  createLogger,
  createMetrics,
  httpStats,
  operatorCheck,
  runPhases,
} from '../src/index.ts';

function app() {
  const health = createHealth();
  const built = buildBaseApp({
    logger: createLogger({ service: 'test', instance: 'i', level: 'silent' }),
    health,
    metrics: createMetrics('test'),
    metricsPage: { METRICS_TOKEN: '', METRICS_CACHE_MS: 0 },
    isOperator: async (request) => request.headers.authorization === 'Bearer ops',
    translateError: (error) =>
      error.message === 'known' ? new TidemarkError({ code: 'X', status: 409, message: 'translated' }) : undefined,
  });
  built.get('/things/:id', async () => ({ ok: true }));
  built.post('/things', async () => ({ ok: true }));
  built.get('/full', async () => {
    throw new TidemarkError({ code: 'FULL', status: 503, message: 'full', hint: 'wait', retryAfter: 1.2 });
  });
  built.get('/known', async () => {
    throw new Error('known');
  });
  built.get('/bug', async () => {
    throw new Error('a secret detail');
  });
  return { app: built, health };
}

t.test('a body of an unknown type, or without one, is refused with the type to send', async (t) => {
  const { app: one } = app();
  t.teardown(() => one.close());
  const post = (headers: Record<string, string>) =>
    one.inject({ method: 'POST', url: '/things', payload: Buffer.from('{}'), headers });
  for (const [headers, message] of [
    [{}, 'the request has a body, and no Content-Type that says what it is'],
    [{ 'content-type': 'image/png' }, 'unsupported media type "image/png"'],
  ] as const) {
    const reply = await post(headers);
    t.equal(reply.statusCode, 415);
    t.match(reply.json(), { code: 'HTTP_MEDIA_TYPE', message, hint: /Send Content-Type: application\/json/ });
  }
  t.equal((await post({ 'content-type': 'application/json' })).statusCode, 200);
});

t.test('/livez and /readyz report the state, and why an instance is not ready', async (t) => {
  const { app: server, health } = app();
  t.teardown(() => server.close());
  t.equal((await server.inject('/livez')).statusCode, 200);
  t.equal((await server.inject('/readyz')).statusCode, 200);
  health.add('slow', () => new Promise(() => {}));
  health.add('broken', () => {
    throw new Error('cut');
  });
  const operator = { authorization: 'Bearer ops' };
  const answer = await server.inject({ url: '/readyz', headers: operator });
  t.equal(answer.statusCode, 503);
  t.match(answer.json(), { problems: ['slow: no answer within 900 ms', 'broken: cut'] });
  health.drain('stopping');
  t.equal((await server.inject('/readyz')).json().problems[0], 'stopping');
  t.equal((await server.inject('/livez')).statusCode, 200, 'still alive');
});

t.test('/readyz names the failing checks, with reasons for operators only', async (t) => {
  const { app: server, health } = app();
  t.teardown(() => server.close());
  const why = 'connect ECONNREFUSED 10.1.2.3:5432 (user tidemark_gateway, [fd00::1]:5432, db.internal)';
  health.add('postgres', () => why);
  health.warn('tokens', () => 'https://issuer.internal/jwks.json does not answer');
  const stranger = await server.inject('/readyz');
  t.equal(stranger.statusCode, 503);
  t.match(stranger.json(), { status: 'not ready', problems: ['postgres'], warnings: ['tokens'] });
  t.notMatch(stranger.body, /10\.1|5432|internal|tidemark_|fd00/);
  const operator = await server.inject({ url: '/readyz', headers: { authorization: 'Bearer ops' } });
  t.match(operator.json(), { problems: [`postgres: ${why}`], warnings: [/^tokens: https:\/\/issuer/] });
  t.same(await health.problems(), [`postgres: ${why}`], 'telemetry, which goes to the metrics service, has it too');
});

t.test('an operator has a valid token with the role ops or service_role', async (t) => {
  const isOperator = operatorCheck(async (token) => {
    if (token === 'expired') throw new Error('expired');
    return { role: token, claims: {}, claimsText: '{}' };
  });
  const ask = (headers: Record<string, string>) => isOperator({ headers });
  t.equal(await ask({ authorization: 'Bearer ops' }), true);
  t.equal(await ask({ apikey: 'service_role' }), true);
  for (const headers of [
    {},
    { authorization: 'Bearer authenticated' },
    { apikey: 'anon' },
    { apikey: 'expired' },
    { authorization: 'Basic ops' },
  ]) {
    t.equal(await ask(headers as Record<string, string>), false, JSON.stringify(headers));
  }
});

t.test('errors are problem+json with a hint; unexpected errors reveal no detail', async (t) => {
  const { app: server } = app();
  t.teardown(() => server.close());
  const full = await server.inject('/full');
  t.match(full, { statusCode: 503, headers: { 'retry-after': '2', 'content-type': /application\/problem\+json/ } });
  t.match(full.json(), { code: 'FULL', hint: 'wait', status: 503 });
  t.match((await server.inject('/known')).json(), { code: 'X', message: 'translated' });
  const bug = await server.inject('/bug');
  t.match(bug.json(), { status: 500, code: 'HTTP_INTERNAL' });
  t.notMatch(bug.body, /secret/);
  t.match((await server.inject('/nope')).json(), { status: 404, code: 'HTTP_NOT_FOUND' });
});

t.test('measures requests by route template instead of URL', async (t) => {
  const { app: server } = app();
  t.teardown(() => server.close());
  for (let i = 0; i < 20; i += 1) await server.inject(`/things/${i}`);
  await server.inject('/full');
  const stats = httpStats(server);
  t.match(stats, { requestsTotal: 21, errorsTotal: 1, inFlight: 0 });
  t.same(stats.routes.map((route) => route.route).sort(), ['GET /full', 'GET /things/:id']);
  t.ok(stats.p99Ms > 0);
  t.match(
    (await server.inject({ url: '/metrics', headers: { authorization: 'Bearer ops' } })).body,
    /tidemark_http_request_seconds_count\{.*route="\/things\/:id".*\} 20/,
  );
});

t.test('close() ends idle connections at once and waits for responses', async (t) => {
  const { app: server } = app();
  let answer: (() => void) | undefined;
  server.get('/slow', () => new Promise((resolve) => (answer = () => resolve({ ok: true }))));
  await server.listen({ port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const ends = (socket: Socket) =>
    new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk) => (text += chunk)).on('close', () => resolve(text));
    });
  // One that never says anything, one that has been answered, one that waits for its answer.
  const [silent, answered, waiting] = Array.from({ length: 3 }, () => connect(port)) as [Socket, Socket, Socket];
  const ended = [silent, answered, waiting].map(ends);
  answered.write('GET /things/1 HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(answered, 'data');
  waiting.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
  await until(() => answer !== undefined);
  t.equal(httpStats(server).inFlight, 1);
  const closed = server.close();
  await Promise.all(ended.slice(0, 2));
  t.equal(httpStats(server).inFlight, 1, 'still being answered');
  answer?.();
  await closed;
  t.match(await ended[2], /"ok":true/);
  t.equal(httpStats(server).inFlight, 0);
});

t.test('an aborted response is no longer in flight, and a stream counts no latency', async (t) => {
  const { app: server } = app();
  t.teardown(() => server.close());
  server.get('/never', () => new Promise(() => {}));
  server.get('/events', { config: { endless: true } }, (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.raw.write('data: 1\n\n');
  });
  await server.listen({ port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const streams = async () => {
    const page = await server.inject({ url: '/metrics', headers: { authorization: 'Bearer ops' } });
    return Number(/^tidemark_http_streams_open\S* (\d+)/m.exec(page.body)?.[1]);
  };
  const cutOff = connect(port);
  cutOff.write('GET /never HTTP/1.1\r\nhost: x\r\n\r\n');
  await until(() => httpStats(server).inFlight === 1);
  cutOff.destroy();
  await until(() => httpStats(server).inFlight === 0);
  const listener = connect(port);
  listener.write('GET /events HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(listener, 'data');
  t.equal(httpStats(server).inFlight, 0, 'an event stream is not in flight');
  t.equal(await streams(), 1);
  listener.destroy();
  await until(() => httpStats(server).routes.some(({ route }) => route === 'GET /events'));
  t.equal(await streams(), 0);
  t.match(httpStats(server), { requestsTotal: 1, p99Ms: 0, routes: [{ route: 'GET /events', requestsTotal: 1 }] });
  t.match(
    (await server.inject({ url: '/metrics', headers: { authorization: 'Bearer ops' } })).body,
    /tidemark_http_streams_total\{route="\/events".*\} 1/,
  );
});

t.test('runPhases() runs the phases in order, each with a time limit, also after a failure', async (t) => {
  const done: string[] = [];
  const problems: string[] = [];
  const clean = await runPhases(
    [
      { name: 'refuse new work', timeoutMs: 1_000, run: () => void done.push('a') },
      { name: 'finish requests', timeoutMs: 20, run: () => new Promise<void>(() => {}) },
      {
        name: 'stop telemetry',
        timeoutMs: 1_000,
        run: () => Promise.reject(new TidemarkError({ code: 'E', status: 500, message: 'no' })),
      },
      { name: 'disconnect', timeoutMs: 1_000, run: async () => void done.push('b') },
    ],
    (problem) => problems.push(problem),
  );
  t.same(done, ['a', 'b']);
  t.equal(clean, false);
  t.match(problems, [/"finish requests" took longer than 20 ms/, /"stop telemetry" failed: E: no/]);
});
