/** Connections and statements of an instance that answers on NATS, as the gateway and realtime do. */
import { HeldAnswer } from '@tidemark/contracts';
import { migrate, openDatabase } from '@tidemark/db';
import { answerDatabaseInspections, createTokenVerifier } from '@tidemark/service';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { SECRET, useMetrics } from '../metrics-fixture.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
const metrics = await useMetrics(
  t,
  { ...database, natsUrl: stack.natsUrl, natsPrefix: stack.natsPrefix() },
  { METRICS_EXPECT: 'none' },
);
const db = await openDatabase({
  primaryUrl: database.primaryUrl,
  applicationName: 'tidemark gateway-h',
  slowMs: 200,
  pools: { write: { leakThresholdMs: 300 } },
});
const verifyToken = createTokenVerifier({ secret: SECRET, roles: ['ops', 'authenticated'] });
const stopAnswering = answerDatabaseInspections({ bus: metrics.bus, instance: 'gateway-h', db, verifyToken });
metrics.instance('gateway', 'gateway-h', () => ({ pools: db.poolStats(), statements: db.statements(20) }));
t.teardown(async () => {
  stopAnswering();
  await db.close();
  await database.drop();
});
await metrics.until(({ instances }) => instances.some(({ instance }) => instance === 'gateway-h'), 'it is seen');

async function ask<T>(path: string): Promise<T> {
  const response = await metrics.get(path);
  const body = (await response.json()) as T;
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
  return body;
}
interface Held {
  instance: string;
  pool: string;
  pid: number;
  heldMs: number;
  leaked: boolean;
  route: string | null;
  statement: string | null;
}

t.test('names the route, the statement and the backend of a connection that is not given back', async (t) => {
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let pid = 0;
  const running = db.pools.write.transaction(
    async (tx) => {
      pid = (await tx.query<{ pid: number }>("select pg_backend_pid() as pid, 'secret' as text"))[0]?.pid ?? 0;
      await ended;
    },
    { holder: { route: 'GET /rest/v1/:table' } },
  );
  const leaks = await until(async () => {
    const { leaks } = await ask<{ leaks: Held[] }>('database/connection-leaks');
    return leaks.length > 0 ? leaks : undefined;
  }, 'the leak is found');
  t.match(leaks, [{ instance: 'gateway-h', pool: 'write', pid, route: 'GET /rest/v1/:table', leaked: true }]);
  t.ok((leaks[0]?.heldMs ?? 0) > 300);
  t.match(leaks[0]?.statement, /select pg_backend_pid\(\)/);
  t.notMatch(leaks[0]?.statement, /secret/);

  const { pools, held } = await ask<{
    pools: Record<string, { busy: number; max: number; utilization: number }>;
    held: Held[];
  }>('database/pools');
  t.ok((pools.write?.max ?? 0) > 0);
  t.ok((pools.write?.utilization ?? -1) >= 0);
  t.ok(held.some((one) => one.pid === pid));
  end();
  await running;
  t.same((await ask<{ leaks: Held[] }>('database/connection-leaks')).leaks, []);
});

t.test('lists the slow and the latest statements, without their values', async (t) => {
  const holder = { route: 'POST /rest/v1/rpc/:function' };
  await db.pools.write.query("select pg_sleep(0.3), 'secret'", [], { holder });
  await db.pools.write.query('select 1 as quick', [], { holder });
  type Listed = { statements: { instance: string; text: string; ms: number; route?: string }[]; silent: unknown[] };
  const slow = await ask<Listed>('queries/slow');
  t.match(slow.statements[0], { instance: 'gateway-h', text: /pg_sleep/, ...holder });
  t.ok((slow.statements[0]?.ms ?? 0) >= 300);
  t.notMatch(JSON.stringify(slow), /secret/);
  const recent = await ask<Listed>('queries/recent?limit=50');
  t.ok(recent.statements.some(({ text }) => /quick/.test(text)));
  t.ok(recent.statements.every(({ instance }) => instance === 'gateway-h'));
  const own = await ask<Listed>('queries/recent?limit=200&own=true');
  t.ok(own.statements.some(({ instance }) => instance === 'metrics-t'));
  t.same(recent.silent, []);
  const stats = await until(async () => {
    const { statements } = await ask<{ statements: { text: string; slowTotal: number }[] }>('queries/stats');
    return statements.find(({ text }) => /pg_sleep/.test(text));
  }, 'telemetry has the statement');
  t.equal(stats.slowTotal, 1);
  const summary = await ask<{ slowTotal: number; slowRate: number }>('queries/summary');
  t.ok(summary.slowTotal >= 1 && summary.slowRate > 0 && summary.slowRate <= 1, JSON.stringify(summary));
});

t.test('only operators are answered, also when somebody asks the instance itself', async (t) => {
  const { bus } = metrics;
  const request = async (token: string | undefined) =>
    bus.ask(bus.subjects.inspect('held', 'gateway-h'), { token, limit: 1 }, { schema: HeldAnswer, timeoutMs: 2_000 });
  await t.rejects(request(undefined), { code: 'AUTH_REQUIRED' });
  await t.rejects(request(await metrics.token('authenticated')), { code: 'AUTH_FORBIDDEN' });
  const path = `${metrics.url}/api/v1/performance/database/pools`;
  t.equal((await fetch(path)).status, 401);
  const authorization = `Bearer ${await metrics.token('authenticated')}`;
  t.equal((await fetch(path, { headers: { authorization } })).status, 403);
});

t.test('an instance that does not answer is named, and the others are shown', async (t) => {
  metrics.instance('realtime', 'realtime-mute');
  await metrics.until(({ instances }) => instances.some(({ instance }) => instance === 'realtime-mute'), 'it is seen');
  const { silent } = await ask<{ silent: { instance: string; code: string }[] }>('database/pools');
  t.match(silent, [{ instance: 'realtime-mute', code: 'BUS_NOBODY' }]);
});

t.test('shows replicas and workers', async (t) => {
  t.match(await ask('database/replica-lag'), { replicas: [{ lagMs: Number }], seenBy: [] });
  t.match(await ask('workers/stats'), { workers: { threads: 0, busy: 0, available: 0 }, instances: [] });
});

t.test('the summary has figures or null, and monitoring of a single server finds its addresses', async (t) => {
  const summary = await ask<Record<string, Record<string, unknown>>>('summary');
  t.match(summary, {
    requests: { perSecond: null, p99Ms: null },
    pools: { write: { utilization: Number, waiting: 0 } },
    sockets: { open: null },
    memory: { utilization: Number },
  });
  const memory = await ask<{ utilization: number; instances: { heapLimitBytes: number }[] }>('memory');
  t.ok(memory.utilization > 0 && memory.utilization < 1);
  const authorization = `Bearer ${await metrics.token('ops')}`;
  for (const path of ['performance', 'health', 'summary', 'slow-queries']) {
    const url = `${metrics.url}/api/metrics/${path}`;
    t.equal((await fetch(url)).status, 401, path);
    t.equal((await fetch(url, { headers: { authorization } })).status, 200, path);
  }
});
