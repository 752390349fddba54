import t from 'tap';
import { buildBaseApp, createHealth, createLogger, createMetrics } from '../src/index.ts';

const TOKEN = 'for-a-Prometheus-without-JWTs';

function build(options: { token?: string; cacheMs?: number } = {}) {
  const metrics = createMetrics('test');
  let rendered = 0;
  metrics.gauge('tidemark_rendered', 'Times that the page was made', [], (gauge) => gauge.set(++rendered));
  const app = buildBaseApp({
    logger: createLogger({ service: 'test', instance: 'i', level: 'silent' }),
    health: createHealth(),
    metrics,
    metricsPage: { METRICS_TOKEN: options.token ?? TOKEN, METRICS_CACHE_MS: options.cacheMs ?? 60_000 },
    isOperator: async (request) => request.headers.authorization === 'Bearer ops',
  });
  t.teardown(() => app.close());
  const ask = (authorization?: string) =>
    app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } });
  return { ask, rendered: () => rendered };
}

t.test('/metrics needs an operator’s token or METRICS_TOKEN, and is 401 otherwise', async (t) => {
  const { ask, rendered } = build();
  for (const stranger of [
    undefined,
    '',
    'Bearer',
    `Bearer ${TOKEN.slice(1)}`,
    'Bearer authenticated',
    `Basic ${TOKEN}`,
  ]) {
    const answer = await ask(stranger);
    t.equal(answer.statusCode, 401, String(stranger));
    t.equal(answer.headers['www-authenticate'], 'Bearer');
    t.match(answer.json(), { code: 'AUTH_METRICS', hint: /METRICS_TOKEN/ });
  }
  t.equal(rendered(), 0, 'strangers cost no rendering');
  for (const operator of ['Bearer ops', `bearer ${TOKEN}`]) {
    const answer = await ask(operator);
    t.equal(answer.statusCode, 200);
    t.match(answer.body, /tidemark_rendered/);
  }
});

t.test('without METRICS_TOKEN, an empty bearer token is refused', async (t) => {
  const { ask } = build({ token: '' });
  for (const stranger of ['Bearer ', 'Bearer', 'Bearer undefined']) t.equal((await ask(stranger)).statusCode, 401);
});

t.test('requests within METRICS_CACHE_MS share one rendering', async (t) => {
  const cached = build();
  const pages = await Promise.all(Array.from({ length: 50 }, () => cached.ask('Bearer ops')));
  t.equal(new Set(pages.map(({ body }) => body)).size, 1);
  await cached.ask('Bearer ops');
  t.equal(cached.rendered(), 1);
  const fresh = build({ cacheMs: 0 });
  await fresh.ask('Bearer ops');
  await fresh.ask('Bearer ops');
  t.equal(fresh.rendered(), 2);
});

t.test('Prometheus gets OpenMetrics when it asks for it, and the text format otherwise', async (t) => {
  const metrics = createMetrics('test');
  metrics.counter('tidemark_done_total', 'Done').inc(3);
  const waits = metrics.histogram('tidemark_wait_seconds', 'Wait');
  waits.observe(0.2);
  waits.observe(0.3, 'r-1');
  waits.observe(0.4, 'r-2');
  const app = buildBaseApp({
    logger: createLogger({ service: 'test', instance: 'i', level: 'silent' }),
    health: createHealth(),
    metrics,
    metricsPage: { METRICS_TOKEN: TOKEN, METRICS_CACHE_MS: 0 },
  });
  t.teardown(() => app.close());
  const ask = (accept: string) =>
    app.inject({ url: '/metrics', headers: { authorization: `Bearer ${TOKEN}`, accept } });
  // The header of Prometheus 2.42.
  const open = await ask('application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1');
  t.match(open.headers['content-type'], /^application\/openmetrics-text/);
  t.match(open.body, /^# TYPE tidemark_done counter\ntidemark_done_total\{service="test"\} 3\n/m);
  t.match(open.body, /[^\n]\n# EOF\n$/);
  t.notMatch(open.body, /\n\n|^# TYPE \S+_total /m);
  t.match(
    open.body,
    /^tidemark_wait_seconds_bucket\{le="0.5",service="test"\} 3 # \{request_id="r-2"\} 0\.4 \d+\.\d{3}$/m,
    'the newest request of the bucket',
  );
  t.match(open.body, /^tidemark_wait_seconds_bucket\{le="0.25",service="test"\} 1$/m, 'without an id there is none');
  for (const accept of ['text/plain', '*/*', 'application/openmetrics-text;q=0.1,text/plain']) {
    const text = await ask(accept);
    t.match(text.headers['content-type'], /^text\/plain/);
    t.match(text.body, /^# TYPE tidemark_done_total counter\n/m, 'also after a page in OpenMetrics');
    t.notMatch(text.body, / # \{/, 'exemplars are not part of the text format');
  }
});
