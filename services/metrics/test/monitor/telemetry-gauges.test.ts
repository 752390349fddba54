/** The page of Prometheus stays small, however many instances report themselves. */
import type { Telemetry } from '@tidemark/contracts';
import { buildBaseApp, createHealth, createLogger, createMetrics } from '@tidemark/service';
import t from 'tap';
import { createHistory } from '../../src/history/history.ts';
import { createRegistry } from '../../src/instances/registry.ts';
import { createMonitor } from '../../src/monitor/monitor.ts';
import { registerTelemetryGauges } from '../../src/monitor/telemetry-gauges.ts';
import { http, pool, telemetry } from '../telemetry-example.ts';

const TOKEN = 'for-a-Prometheus-without-JWTs';
const INSTANCES = 80;
const MAX_SERIES = 2_000;
const MAX_BYTES = 300_000;

function instance(n: number): Telemetry {
  const pools = ['write', 'read:replica1', 'read', 'analytics', 'admin'].map((name) =>
    pool({ name, waiting: n, long: { inUse: 1, limit: 5, waiting: 0 } }),
  );
  const sockets = {
    open: 1,
    openedTotal: 1,
    closedTotal: 0,
    subscriptions: 1,
    topics: 1,
    deliveredTotal: 1,
    framesTotal: 1,
    bufferedBytes: 0,
    conflatedTotal: 0,
    resyncsTotal: 0,
    deliveryP50Ms: 1,
    deliveryP99Ms: 1,
  };
  const service = n % 4 === 0 ? 'realtime' : 'gateway';
  return telemetry({
    service,
    instance: `${service}-a-rather-long-host-name-${n}`,
    http: http(100),
    pools,
    ...(service === 'realtime' && { sockets }),
  });
}

t.test('a page with 80 instances and all routes in use has at most 2,000 series and 300 KB', async (t) => {
  const registry = createRegistry({ limit: 200, lostAfterMs: 5_000, dropAfterMs: 60_000 });
  const monitor = createMonitor({
    registry,
    history: createHistory({ ticks: 60, maxBytes: 1024 ** 2 }),
    collectors: { values: () => ({}), states: () => [] },
    limits: { expected: [], lostAfterMs: 5_000, replicaLagMs: 5_000, slotBytes: 1e9, transactionMs: 1e6 },
    observe: () => undefined,
  });
  const now = Date.now();
  for (let n = 0; n < INSTANCES; n++) monitor.record(instance(n), now);
  monitor.tick(now);
  const metrics = createMetrics('metrics');
  registerTelemetryGauges(metrics, monitor.health);
  const app = buildBaseApp({
    logger: createLogger({ service: 'test', instance: 'i', level: 'silent' }),
    health: createHealth(),
    metrics,
    metricsPage: { METRICS_TOKEN: TOKEN, METRICS_CACHE_MS: 0 },
  });
  t.teardown(() => app.close());
  for (let n = 0; n < 60; n++) {
    app.get(`/route-${n}`, async (request, reply) => {
      reply.code(Number(new URL(request.url, 'http://x').searchParams.get('status')));
      return {};
    });
  }
  for (let n = 0; n < 60; n++) {
    for (const status of [200, 404, 500]) await app.inject(`/route-${n}?status=${status}`);
  }
  const { body } = await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${TOKEN}` } });
  const series = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  t.ok(series.length > 1_000, `${series.length} series`);
  t.ok(series.length <= MAX_SERIES, `${series.length} series`);
  t.ok(body.length <= MAX_BYTES, `${body.length} bytes`);
  const of = (name: string) => series.filter((line) => line.startsWith(`${name}{`));
  t.equal(of('tidemark_instance_up').length, INSTANCES, 'every instance is shown');
  const waiting = of('tidemark_instance_pool_waiting');
  t.equal(waiting.length, 150);
  t.ok(
    waiting.some((line) => line.includes(`-${INSTANCES - 1}"`)),
    'the pool in which most wait is among them',
  );
  t.notOk(waiting.some((line) => line.includes('-1"')));
  const [limit] = of('tidemark_instance_pool_limit_slots').filter((line) => /gateway.*write/.test(line));
  t.match(limit, / 1200$/, 'the sum over 60 gateways');
  const requests = of('tidemark_http_request_seconds_count').reduce(
    (sum, line) => sum + Number(line.split(' ').at(-1)),
    0,
  );
  t.equal(requests, 180, 'requests without a histogram of their own are counted');
});
