/** Each fault gives one root finding that names the culprit, and the SQL that it prints ends the fault. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import type { Problem } from '../../src/health/problems.ts';
import { useMetrics } from '../metrics-fixture.ts';

const stack = await startTemporaryStack({ postgresSettings: { max_connections: 60, max_wal_senders: 5 } });
t.teardown(() => stack.stop());
const { primary, nats } = stack;
const replica = stack.replicas[0]!;
await migrate(primary.url);
const thresholds = join(t.testdir(), 'thresholds.json');
writeFileSync(thresholds, '{"statementMs":2500,"slotUnreadMs":1000}');
const metrics = await useMetrics(
  t,
  { primaryUrl: primary.url, natsUrl: nats.url, natsPrefix: '' },
  {
    METRICS_EXPECT: 'none',
    DATABASE_REPLICA_URLS: replica.url,
    METRICS_THRESHOLDS_FILE: thresholds,
    METRICS_REPLICA_LAG_ALERT_MS: '1000',
  },
);
await metrics.until(({ status, postgres }) => status === 'ok' && postgres.replication.length === 1, 'all is well');

function connect(t: Test, application: string): postgres.Sql {
  const sql = postgres(primary.url, { max: 1, onnotice: () => {}, connection: { application_name: application } });
  t.teardown(() => sql.end({ timeout: 1 }));
  return sql;
}
/** Waits for the fault's finding, and checks that it alone is a root. */
async function rootFinding(t: Test, rule: string): Promise<Problem> {
  const { findings } = await metrics.until(
    ({ findings }) => findings.some((one) => one.rule === rule),
    `${rule} is found`,
  );
  const roots = findings.filter(({ root }) => root === null);
  t.same(
    roots.map((one) => one.rule),
    [rule],
    JSON.stringify(findings),
  );
  return roots[0] as Problem;
}
const sqlOf = ({ do: remedies }: Problem) => remedies[0]?.sql ?? 'no remedy';
const allWell = () => metrics.until(({ status }) => status === 'ok', 'the fault has ended');

t.test('finds an application with most of the connections', async (t) => {
  const all = Array.from({ length: 35 }, () => connect(t, 'reporting-tool'));
  await Promise.all(all.map((sql) => sql`select 1`));
  const finding = await rootFinding(t, 'postgres.connections');
  t.match(finding.message, /reporting-tool has 3\d of the \d+ connections of Postgres, of at most 60/);
  await primary.query(sqlOf(finding));
  await allWell();
});

t.test('finds a Cartesian query of psql', async (t) => {
  const sql = connect(t, 'psql');
  const query = sql`select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b`.then(
    () => 'ended',
    (error: { code: string }) => error.code,
  );
  const finding = await rootFinding(t, 'statement.long');
  t.match(
    finding.message,
    /^psql \(pid \d+, user postgres.*\) has run one statement for .*: select count\(\*\) from generate_series/,
  );
  await primary.query(sqlOf(finding));
  t.equal(await query, '57014');
  await allWell();
});

t.test('finds a slot that nobody reads', async (t) => {
  await primary.query("select pg_create_logical_replication_slot('forgotten', 'pgoutput')");
  const finding = await rootFinding(t, 'slot.unread');
  t.match(finding.message, /nobody reads the replication slot forgotten .* it retains .* of WAL; /);
  await primary.query(sqlOf(finding));
  t.same(await primary.query("select from pg_replication_slots where slot_name = 'forgotten'"), []);
  await allWell();
});

t.test('finds paused replay, with the lag as its consequence', async (t) => {
  await replica.pauseReplay();
  await primary.query('create table public.written (i int)');
  const { findings } = await metrics.until(
    ({ findings }) => findings.some(({ rule }) => rule === 'replica.lag'),
    'the lag is seen',
  );
  t.match(
    findings.filter(({ root }) => root === null).map(({ rule, subject }) => `${rule} ${subject}`),
    ['replica.paused tidemark_replica'],
    JSON.stringify(findings),
  );
  const finding = await rootFinding(t, 'replica.paused');
  await replica.query(sqlOf(finding));
  await allWell();
});

t.test('finds a replica that has lost the primary', async (t) => {
  await replica.stop();
  const finding = await rootFinding(t, 'replica.disconnected');
  t.match(finding.message, /the replica of the slot tidemark_replica is disconnected/);
  await replica.start();
  await allWell();
});
