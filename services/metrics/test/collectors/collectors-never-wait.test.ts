/** Other sessions take every connection and lock the catalogs: this test has a server of its own. */
import { migrate } from '@tidemark/db';
import { startTemporaryStack, withClient } from '@tidemark/local-stack';
import { until } from '@tidemark/testing';
import postgres from 'postgres';
import t from 'tap';
import { useMetrics } from '../metrics-fixture.ts';

const stack = await startTemporaryStack({
  replica: false,
  postgresSettings: { max_connections: 24, max_wal_senders: 2 },
});
t.teardown(() => stack.stop());
const primaryUrl = stack.primary.url;
await migrate(primaryUrl);
const metrics = await useMetrics(
  t,
  { primaryUrl, natsUrl: stack.nats.url, natsPrefix: 'wait' },
  { METRICS_EXPECT: 'none' },
);
type Collector = { name: string; error: string | null; collectedAt: number | null; runsTotal: number };
const collector = async (name: string) =>
  (await metrics.health()).collectors.find((one) => one.name === name) as Collector;

t.test('goes on while other sessions use every connection of the server', async (t) => {
  await until(async () => (await collector('postgres tables'))?.collectedAt, 'tables are read');
  const greedy: postgres.Sql[] = [];
  t.teardown(() => Promise.all(greedy.map((sql) => sql.end({ timeout: 1 }))));
  for (;;) {
    const sql = postgres(primaryUrl, { max: 1, connection: { application_name: 'greedy' }, connect_timeout: 5 });
    greedy.push(sql);
    const full = await sql`select 1`.then(
      () => false,
      (error: { code?: string }) => error.code === '53300',
    );
    if (full) break;
  }
  await t.rejects(
    withClient(primaryUrl, (sql) => sql`select 1`),
    { code: '53300' },
  );
  const before = await collector('postgres activity');
  await until(async () => {
    const { runsTotal } = await collector('postgres activity');
    return runsTotal > before.runsTotal + 2;
  }, 'three more runs');
  t.equal((await collector('postgres activity')).error, null);
  const { postgres: health } = await metrics.health();
  t.ok((health.connections?.total ?? 0) >= 20, JSON.stringify(health.connections));
});

t.test('gives up after 100 ms where a catalog is locked, and the others go on', async (t) => {
  const session = postgres(primaryUrl, { max: 1, onnotice: () => {} });
  t.teardown(() => session.end({ timeout: 1 }));
  await session`begin`.simple();
  await session`lock table tidemark.jobs`.simple();
  const failed = await until(async () => {
    const one = await collector('jobs');
    return one.error === null ? undefined : one;
  }, 'the collector of jobs gives up');
  t.match(failed.error, /lock timeout/);
  const { error, runsTotal } = await collector('postgres activity');
  t.equal(error, null);
  await until(async () => (await collector('postgres activity')).runsTotal > runsTotal, 'another run');
  await session`rollback`.simple();
  await until(async () => (await collector('jobs')).error === null, 'it recovers');
});

t.test('answers with tables and indexes', async (t) => {
  const tables = (await (await metrics.get('database/tables?limit=2')).json()) as {
    tables: unknown[];
    missing: unknown;
  };
  t.match(tables, { tables: [{ schema: 'tidemark', bytes: { total: Number } }], missing: {} });
  t.equal(tables.tables.length, 2);
  const indexes = await until(async () => {
    const response = await metrics.get('database/indexes?limit=1');
    return response.status === 200 ? response.json() : undefined;
  }, 'indexes are read');
  t.match(indexes, { indexes: [{ schema: 'tidemark', definition: /^CREATE/ }] });
  t.equal((await metrics.get('database/tables?limit=0')).status, 400);
  t.equal((await fetch(`${metrics.url}/api/v1/performance/database/tables`)).status, 401);
});
