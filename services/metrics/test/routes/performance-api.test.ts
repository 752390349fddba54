import { PerformanceHealth, TELEMETRY_MAX_BYTES, type Telemetry } from '@tidemark/contracts';
import { migrate } from '@tidemark/db';
import { buildBaseApp, createHealth, createLogger, createMetrics, httpStats } from '@tidemark/service';
import { metricsPage, until, useTestStack } from '@tidemark/testing';
import postgres from 'postgres';
import t from 'tap';
import { Check } from 'typebox/value';
import { HealthAnswer } from '../../src/health/answer.ts';
import { SERIES } from '../../src/history/samples.ts';
import { enableStatements, useMetrics } from '../metrics-fixture.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
const sql = postgres(database.primaryUrl, { max: 2, onnotice: () => {} });
t.teardown(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});
const metrics = await useMetrics(
  t,
  { ...database, natsUrl: stack.natsUrl, natsPrefix: stack.natsPrefix() },
  { METRICS_LOST_AFTER_MS: '2500', METRICS_STREAM_CLIENTS_MAX: '2' },
);
await metrics.bus.ensureChangesStream();
await metrics.bus.ensureWorkStream();

t.test('compresses the console, the performance API and /metrics, but not event streams', async (t) => {
  const ops = { authorization: `Bearer ${await metrics.token('ops')}` };
  const script = /assets\/[\w.-]+\.js/.exec(await (await fetch(`${metrics.url}/console/`)).text())?.[0];
  for (const path of [`/console/${script}`, '/api/v1/performance/timeseries', '/metrics']) {
    const answer = await fetch(`${metrics.url}${path}`, { headers: { ...ops, 'accept-encoding': 'gzip' } });
    t.equal(answer.status, 200);
    t.equal(answer.headers.get('content-encoding'), 'gzip', path);
    t.match(answer.headers.get('vary'), /accept-encoding/);
    t.ok((await answer.text()).length > 1_000);
  }
  const ending = new AbortController();
  const stream = await fetch(`${metrics.url}/api/v1/performance/stream`, {
    headers: { ...ops, 'accept-encoding': 'gzip' },
    signal: ending.signal,
  });
  t.equal(stream.headers.get('content-encoding'), null);
  ending.abort();
});

t.test('reports telemetry from NATS with rates, and a silent instance as lost', async (t) => {
  const app = buildBaseApp({
    logger: createLogger({ service: 'gateway', instance: 'g', level: 'silent' }),
    health: createHealth(),
    metrics: createMetrics('gateway'),
  });
  app.get('/thing/:id', async () => ({ ok: true }));
  t.teardown(() => app.close());
  const gateway = metrics.instance('gateway', 'gateway-t', () => ({ http: httpStats(app) }));
  for (let i = 0; i < 20; i++) await app.inject(`/thing/${i}`);

  const answer = await metrics.until(
    ({ instances }) => instances.some(({ instance, http }) => instance === 'gateway-t' && http?.requestsTotal === 20),
    'the gateway’s requests are in the answer',
  );
  t.ok(Check(PerformanceHealth, answer), 'fits the contract');
  t.ok(Check(HealthAnswer, answer), 'fits its own schema');
  const shown = answer.instances.find(({ instance }) => instance === 'gateway-t');
  t.match(shown, { service: 'gateway', pid: process.pid, ready: true });
  t.same(
    shown?.http?.routes.map(({ route, requestsTotal }) => [route, requestsTotal]),
    [['GET /thing/:id', 20]],
  );
  t.ok(
    answer.instances.some(({ service }) => service === 'metrics'),
    'the service reports itself too',
  );

  await metrics.until(({ samples }) => samples['http.requests@gateway/gateway-t'] !== undefined, 'there is a rate');
  const history = (await (
    await metrics.get('timeseries?metric=process.rss@gateway/*,http.requests@*&last=60&step=1')
  ).json()) as {
    at: number[];
    series: Record<string, { mean: (number | null)[] }>;
  };
  t.equal(history.series['process.rss@gateway/gateway-t']?.mean.length, history.at.length);
  t.ok(history.series['process.rss@gateway/gateway-t']?.mean.some((value) => value !== null && value > 1e7));

  gateway.stop();
  const after = await metrics.until(({ lost }) => lost.some(({ instance }) => instance === 'gateway-t'), 'it is lost');
  t.notOk(after.instances.some(({ instance }) => instance === 'gateway-t'));
  t.equal(after.status === 'ok', false);
  t.ok(
    after.findings.some(({ message }) => /^gateway-t .*has been silent for/.test(message)),
    'the finding names it',
  );
  const page = await metricsPage(metrics.url);
  t.match(page, /tidemark_instance_up\{source="gateway\/gateway-t".*\} 0/);
  t.match(page, /tidemark_status\{.*\} [12]/);
});

t.test('drops telemetry that is invalid or has the name of another instance', async (t) => {
  metrics.bus.publish(metrics.bus.subjects.telemetry('batch', 'b-1'), { service: 'batch', instance: 'b-1' });
  const real = await new Promise<Telemetry>((resolve) => {
    const own = metrics.bus.subjects.telemetry('metrics', 'metrics-t');
    const subscription = metrics.bus.subscribe<Telemetry>(own, (telemetry) => {
      subscription.unsubscribe();
      resolve(telemetry);
    });
  });
  metrics.bus.publish(metrics.bus.subjects.telemetry('batch', 'b-1'), { ...real, service: 'batch', instance: 'b-2' });
  const large = { ...real, service: 'batch', instance: 'b-3', problems: ['x'.repeat(TELEMETRY_MAX_BYTES)] };
  metrics.bus.publish(metrics.bus.subjects.telemetry('batch', 'b-3'), large);
  await metrics.bus.flush();
  const seen = await until(async () => {
    const page = await metricsPage(metrics.url);
    const counted = page.match(/tidemark_events_total\{type="bus.invalid_payload".*\} (\d+)/)?.[1];
    return counted === '3' ? counted : undefined;
  }, 'all three are counted');
  t.equal(seen, '3');
  t.notOk((await metrics.health()).instances.some(({ service }) => service === 'batch'));
});

t.test('reports the same figures as Postgres', async (t) => {
  const before = Date.now();
  const [truth] = await sql<{ version: string; max: number; lsn: string; size: number; slots: string[] }[]>`
    select current_setting('server_version') as version, current_setting('max_connections')::int as max,
      pg_current_wal_lsn()::text as lsn, pg_database_size(current_database())::float8 as size,
      (select array_agg(slot_name order by 1) from pg_replication_slots) as slots`;
  if (!truth) throw new TypeError('Postgres answers a row');
  const { postgres } = await metrics.until(({ at }) => at > before + 2_000, 'the collectors have run again');
  t.equal(postgres.status, 'ok', String(postgres.problem));
  t.match(postgres, { version: truth.version, problem: null });
  t.equal(postgres.connections?.max, truth.max);
  // Connections of other tests change the count, so the test waits until both counts agree.
  await until(async () => {
    const [now] = await sql`select count(*)::int as total from pg_stat_activity where backend_type = 'client backend'`;
    return (await metrics.health()).postgres.connections?.total === now?.total;
  }, 'the connections are those of pg_stat_activity');
  t.ok(Math.abs((postgres.databaseBytes ?? 0) / truth.size - 1) < 0.2);
  const [later] = await sql`select ${postgres.walLsn}::pg_lsn >= ${truth.lsn}::pg_lsn as ok`;
  t.ok(later?.ok, 'the WAL position is not older than ours');
  t.ok(postgres.replication.length > 0, 'the stack’s replica streams');
  for (const { name } of postgres.slots) t.ok(truth.slots.includes(name), name);
});

t.test('counts idle transactions, and jobs with their progress', async (t) => {
  const other = await sql.reserve();
  await other`begin`;
  await other`insert into tidemark.jobs (role, kind, spec, state, total, done, started_at)
    values ('service_role', 'image.transform', '{}', 'running', 40, 10, now())`;
  await metrics.until(({ postgres }) => (postgres.connections?.idleInTransaction ?? 0) >= 1, 'it is counted');
  await other`commit`;
  other.release();
  await sql`insert into tidemark.jobs (role, kind, spec) values ('service_role', 'image.transform', '{}')`;
  const { jobs, activeJobs } = await metrics.until(
    (health) => (health.jobs.queued ?? 0) + (health.jobs.running ?? 0) === 2,
    'jobs',
  );
  t.match(jobs, { queued: 1, running: 1 });
  t.match(activeJobs, [{ state: 'running', total: 40, done: 10 }, { state: 'queued' }]);
});

t.test('lists statements in the requested order, without literals', async (t) => {
  await enableStatements(database.primaryUrl);
  await until(async () => (await metrics.get('queries/servers')).status === 200, 'they are read');
  await sql`create table counted (i int, word text)`;
  for (let i = 0; i < 30; i++) await sql.unsafe(`select word from counted where word = 'geheim${i}'`);
  const found = await until(async () => {
    const answer = await metrics.get('queries/servers?order=calls&limit=50');
    if (answer.status !== 200) return undefined;
    const { statements } = (await answer.json()) as { statements: { text: string; calls: number }[] };
    return statements.some(({ text, calls }) => text.includes('from counted where') && calls === 30)
      ? statements
      : undefined;
  }, 'they are there');
  t.same(
    found.map(({ calls }) => calls),
    found.map(({ calls }) => calls).sort((a, b) => b - a),
  );
  t.notOk(JSON.stringify(found).includes('geheim'));
  t.equal((await metrics.get('queries/servers?order=beauty')).status, 400);
});

t.test('reports the version, round trip time and streams of NATS', async (t) => {
  await metrics.bus.store(metrics.bus.subjects.work('normal'), 'x');
  const work = metrics.bus.subjects.streams.work;
  const { nats } = await metrics.until(
    ({ nats }) => nats.streams.some(({ name, messages }) => name === work && messages === 1),
    'the message is in the stream',
  );
  t.match(nats, { status: 'ok', problem: null, version: /^\d+\./ });
  t.ok((nats.roundTripMs ?? 0) > 0);
});

t.test('refuses other roles with 401 and 403 as problem+json with a hint', async (t) => {
  const status = async (path: string, headers: Record<string, string>) => {
    const answer = await fetch(`${metrics.url}/api/v1/performance/${path}`, { headers });
    if (answer.status >= 400) {
      t.match(answer.headers.get('content-type'), 'application/problem+json');
      t.match(await answer.json(), { code: String, hint: /ops|Bearer/ });
    } else await answer.body?.cancel();
    return answer.status;
  };
  const bearer = async (role: string) => ({ authorization: `Bearer ${await metrics.token(role)}` });
  for (const path of ['health', 'timeseries', 'queries/servers', 'stream']) {
    t.equal(await status(path, {}), 401, `${path} without a token`);
    t.equal(await status(path, { authorization: 'Bearer x.y.z' }), 401, `${path} with a broken one`);
    t.equal(await status(path, await bearer('authenticated')), 403, `${path} as a user`);
  }
  for (const path of ['health', 'timeseries']) {
    t.equal(await status(path, await bearer('ops')), 200);
    t.equal(await status(path, await bearer('service_role')), 200);
  }
});

t.test('streams the health each second, to a limited number of clients, until the token expires', async (t) => {
  const stop = new AbortController();
  const open = async (claims: Record<string, unknown> = {}) =>
    fetch(`${metrics.url}/api/v1/performance/stream`, {
      headers: { authorization: `Bearer ${await metrics.token('ops', claims)}` },
      signal: stop.signal,
    });
  const endless = await open();
  t.match(endless.headers.get('content-type'), 'text/event-stream');
  const brief = await open({ exp: Math.floor(Date.now() / 1_000) + 2 });
  const refused = await open();
  t.equal(refused.status, 503);
  t.ok(refused.headers.get('retry-after'));
  t.match(await refused.json(), { code: 'METRICS_STREAM_FULL', hint: /METRICS_STREAM_CLIENTS_MAX/ });

  const text = await brief.text();
  const events = text.trim().split('\n\n');
  t.match(events.at(-1), 'event: expired');
  const times = events.slice(0, -1).map((event) => {
    const data = event.split('\n').find((line) => line.startsWith('data: ')) as string;
    return (JSON.parse(data.slice(6)) as HealthAnswer).at;
  });
  t.ok(times.length >= 2, `${times.length} answers`);
  t.ok(times.every((at, index) => index === 0 || at > (times[index - 1] as number)));
  stop.abort();
});

t.test('lists every sampled figure', async (t) => {
  const { names, figures } = (await (await metrics.get('timeseries')).json()) as {
    names: string[];
    figures: Record<string, string>;
  };
  t.same(figures, SERIES);
  for (const name of names) t.ok((name.split('@', 1)[0] as string) in SERIES, name);
});
