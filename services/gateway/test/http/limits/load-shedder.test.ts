/** Tests the load shedder in front of an app, without Postgres. */
import { createMetrics, type FirstHandler, serverFactory } from '@tidemark/service';
import { until } from '@tidemark/testing';
import { fastify } from 'fastify';
import t from 'tap';
import { createLoadShedder } from '../../../src/http/limits/load-shedder.ts';
import { watchOverload } from '../../../src/http/limits/overload.ts';

const metrics = createMetrics('gateway');
let inFlight = 0;
const queue = { name: 'read', waiting: 0, waitingLimit: 80, acquiredTotal: 0, max: 10, slots: { busy: 0 } };
const overload = watchOverload({
  loopMs: 100,
  requestsMax: 5,
  queueMs: 1_000,
  metrics,
  inFlight: () => inFlight,
  queues: () => [queue],
});
const first: FirstHandler[] = [];
const app = fastify({ exposeHeadRoutes: true, serverFactory: serverFactory(first) });
for (const path of ['/livez', '/readyz', '/rest/v1/x']) app.get(path, async () => 'here');
app.post('/rest/v1/x', async () => 'written');
const shedder = createLoadShedder(app as never, {
  overload,
  connectionsMax: 100,
  sharePercent: 100,
  trust: () => false,
  refused: () => {},
  headersFor: (origin) => (origin ? ['x-for', origin] : []),
});
first.push(shedder.handle);
const url = await app.listen({ port: 0 });
t.teardown(async () => {
  overload.stop();
  await app.close();
});
const ask = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init);
const shed = async () => (await metrics.registry.getMetricsAsJSON()).find(({ name }) => name === 'tidemark_shed_total');

t.test('refuses the next request when too many are in flight, but no probes', async (t) => {
  t.equal((await ask('/rest/v1/x')).status, 200);
  inFlight = 5;
  const refused = await ask('/rest/v1/x', { headers: { origin: 'https://app.example' } });
  t.equal(refused.status, 503);
  t.match(Object.fromEntries(refused.headers), {
    'retry-after': '1',
    'content-type': 'application/problem+json; charset=utf-8',
    'cache-control': 'no-store',
    'x-for': 'https://app.example',
  });
  t.match(await refused.json(), {
    status: 503,
    code: 'GATEWAY_OVERLOADED',
    message: /REQUESTS_MAX/,
    hint: /Retry-After/,
  });
  const head = await ask('/rest/v1/x', { method: 'HEAD' });
  t.equal(head.status, 503);
  for (const body of ['small', 'x'.repeat(1_000_000)]) {
    const answer = await ask('/rest/v1/x', { method: 'POST', body }).then(
      ({ status }) => status,
      () => 'closed',
    );
    t.ok(answer === 503 || (body.length > 100 && answer === 'closed'), `a body of ${body.length}: ${answer}`);
  }
  for (const probe of ['/livez', '/readyz']) t.equal((await ask(probe)).status, 200);
  inFlight = 0;
  t.equal((await ask('/rest/v1/x')).status, 200);
  t.match(await shed(), { values: [{ labels: { cause: 'requests' } }] });
});

t.test('refuses new requests while the event loop is late, but not after a single pause', async (t) => {
  const busy = (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; );
  };
  busy(600);
  t.equal((await ask('/rest/v1/x')).status, 200, 'one pause');
  let working = true;
  const work = () => {
    busy(200);
    if (working) setImmediate(work);
  };
  work();
  const seen = new Set<number>();
  await until(async () => {
    for (const { status } of await Promise.all(Array.from({ length: 10 }, () => ask('/rest/v1/x')))) seen.add(status);
    return seen.has(503);
  }, 'a request is refused');
  t.equal((await ask('/livez')).status, 200, 'a probe passes');
  working = false;
  await until(async () => (await ask('/rest/v1/x')).status === 200, 'requests are answered when the loop is free');
});

t.test('isOverHalf() counts requests in flight, and how long a new request would wait for Postgres', async (t) => {
  const becomes = (wanted: boolean) => until(() => overload.isOverHalf() === wanted, `isOverHalf() is ${wanted}`);
  await becomes(false);
  inFlight = 3;
  await becomes(true);
  inFlight = 0;
  await becomes(false);
  queue.waiting = 40;
  await becomes(true);
  // As many wait as before, but they are served at once.
  const serving = setInterval(() => {
    queue.acquiredTotal += 100;
  }, 5);
  t.teardown(() => clearInterval(serving));
  await becomes(false);
});

t.test(
  'isHalfUsed() is true while over half of a pool or of the event loop’s time is in use, and for a while after',
  async (t) => {
    const watch = (busy: number) =>
      watchOverload({
        loopMs: 60_000,
        requestsMax: 5,
        queueMs: 0,
        inFlight: () => 0,
        metrics: createMetrics('gateway'),
        queues: () => [{ ...queue, slots: { busy } }],
      });
    const [idle, busy] = [watch(5), watch(6)];
    t.teardown(() => {
      idle.stop();
      busy.stop();
    });
    await until(() => busy.isHalfUsed(), 'the pool is half used');
    t.equal(busy.isOverHalf(), false, 'which is less than overload');
    const ends = Date.now() + 10_000;
    while (!idle.isHalfUsed() && Date.now() < ends) {
      const turn = performance.now();
      while (performance.now() - turn < 40);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    t.equal(idle.isHalfUsed(), true);
  },
);
