import { TidemarkError } from '@tidemark/contracts';
import t from 'tap';
import { buildBaseApp, createHealth, createLogger, createMetrics, httpStats, runPhases } from '../src/index.ts';

function app() {
  const health = createHealth();
  const built = buildBaseApp({
    logger: createLogger({ service: 'test', instance: 'i', level: 'silent' }),
    health,
    metrics: createMetrics('test'),
    translateError: (error) =>
      error.message === 'known' ? new TidemarkError({ code: 'X', status: 409, message: 'translated' }) : undefined,
  });
  built.get('/things/:id', async () => ({ ok: true }));
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

t.test('alive, ready, and not ready with the reasons', async (t) => {
  const { app: server, health } = app();
  t.teardown(() => server.close());
  t.equal((await server.inject('/livez')).statusCode, 200);
  t.equal((await server.inject('/readyz')).statusCode, 200);
  health.add('slow', () => new Promise(() => {}));
  health.add('broken', () => {
    throw new Error('cut');
  });
  const answer = await server.inject('/readyz');
  t.equal(answer.statusCode, 503);
  t.match(answer.json(), { problems: ['slow: no answer within 900 ms', 'broken: cut'] });
  health.drain('stopping');
  t.equal((await server.inject('/readyz')).json().problems[0], 'stopping');
  t.equal((await server.inject('/livez')).statusCode, 200, 'still alive');
});

t.test('errors are problem+json with a remedy; what is unforeseen shows no detail', async (t) => {
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

t.test('requests are timed by template, never by URL', async (t) => {
  const { app: server } = app();
  t.teardown(() => server.close());
  for (let i = 0; i < 20; i += 1) await server.inject(`/things/${i}`);
  await server.inject('/full');
  const stats = httpStats(server);
  t.match(stats, { requestsTotal: 21, errorsTotal: 1, inFlight: 0 });
  t.same(stats.routes.map((route) => route.route).sort(), ['GET /full', 'GET /things/:id']);
  t.ok(stats.p99Ms > 0);
  t.match(
    (await server.inject('/metrics')).body,
    /tidemark_http_request_seconds_count\{.*route="\/things\/:id".*\} 20/,
  );
});

t.test('phases of a stop: in order, each with its limit, the next one whatever happens', async (t) => {
  const done: string[] = [];
  const problems: string[] = [];
  const clean = await runPhases(
    [
      { name: 'a', timeoutMs: 1_000, run: () => void done.push('a') },
      { name: 'stuck', timeoutMs: 20, run: () => new Promise<void>(() => {}) },
      {
        name: 'broken',
        timeoutMs: 1_000,
        run: () => Promise.reject(new TidemarkError({ code: 'E', status: 500, message: 'no' })),
      },
      { name: 'b', timeoutMs: 1_000, run: async () => void done.push('b') },
    ],
    (problem) => problems.push(problem),
  );
  t.same(done, ['a', 'b']);
  t.equal(clean, false);
  t.match(problems, [/"stuck" took longer than 20 ms/, /"broken" failed: E: no/]);
});
