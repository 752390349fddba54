import { migrate, openDatabase } from '@tidemark/db';
import { until, useTestStack } from '@tidemark/testing';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { readLocks } from '../../src/collectors/postgres-locks.ts';
import type { HealthAnswer } from '../../src/health/answer.ts';
import { useMetrics } from '../metrics-fixture.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
const { primaryUrl } = database;
const db = await openDatabase({ primaryUrl, applicationName: 'locks' });
const { admin } = db.pools;
const connections: postgres.Sql[] = [];
function connect(application: string, url = primaryUrl): postgres.Sql {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: application } });
  connections.push(sql);
  return sql;
}
t.teardown(async () => {
  await Promise.all(connections.map((sql) => sql.end({ timeout: 1 })));
  await db.close();
  await database.drop();
});
await admin.query('create table public."Odd name" (id int primary key, n int)');
await admin.query('insert into public."Odd name" select i, 0 from generate_series(1, 3) i');

/** Opens a transaction that runs `statement`, and stays open until `end`. */
async function hold(application: string, statement: string) {
  const sql = connect(application);
  await sql`begin`.simple();
  await sql.unsafe(statement);
  return { end: () => sql`rollback`.simple() };
}
/** Starts `statement` in a session of its own, where it may wait. */
function begin(application: string, statement: string, url = primaryUrl) {
  const running = connect(application, url).unsafe(statement).simple();
  running.catch(() => {});
  return running;
}
const locks = () => readLocks(admin, {});
const rootsWhen = (waiters: number) =>
  until(async () => {
    const roots = await locks();
    return roots.some((root) => root.waiters.length === waiters) ? roots : undefined;
  }, `${waiters} sessions wait`);

t.test('finds the session at the root of a chain of waits, with the lock that it holds', async (t) => {
  const holder = await hold('nightly-report', 'lock table public."Odd name" in share mode');
  const second = begin('migration', 'begin; lock table public."Odd name"; rollback');
  await rootsWhen(1);
  const third = begin('tidemark g1/read', 'select * from public."Odd name"');
  const [root] = await rootsWhen(2);
  t.match(root?.session, {
    application: 'nightly-report',
    state: 'idle in transaction',
    held: [{ mode: 'ShareLock', relation: 'public."Odd name"' }],
  });
  const waiting = (application: string) => root?.waiters.find((waiter) => waiter.application === application);
  t.match(waiting('migration'), { mode: 'AccessExclusiveLock', behind: root?.session?.pid });
  t.match(waiting('tidemark g1/read'), { mode: 'AccessShareLock', behind: waiting('migration')?.pid });
  await holder.end();
  await Promise.all([second, third]);
  t.same(await locks(), []);
});

t.test('names the table of a wait for a row', async (t) => {
  const holder = await hold('importer', 'update public."Odd name" set n = 1 where id = 1');
  const writer = begin('writer', 'update public."Odd name" set n = 2 where id = 1');
  const [root] = await rootsWhen(1);
  t.match(root, { session: { application: 'importer' }, waiters: [{ relation: 'public."Odd name"' }] });
  await holder.end();
  await writer;
});

/** A session that waits in another database. It is a copy, so that its tables have the OIDs of the tables of this one. */
async function waitElsewhere(t: Test) {
  const other = await stack.database({ template: 'metrics' });
  t.teardown(() => other.drop());
  await connect('other holder', other.primaryUrl).unsafe('begin; lock table tidemark.jobs').simple();
  begin('other waiter', 'select from tidemark.jobs', other.primaryUrl);
  const waits = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = $1`;
  await until(async () => (await admin.query(waits, [other.name]))[0], 'a session of another database waits');
}

t.test('ignores the waits of other databases of the server', async (t) => {
  await waitElsewhere(t);
  t.same(await locks(), []);
});

t.test('the finding names the culprit and its table, and its SQL ends only the fault', async (t) => {
  const metrics = await useMetrics(
    t,
    { ...database, natsUrl: stack.natsUrl, natsPrefix: stack.natsPrefix() },
    { METRICS_EXPECT: 'none' },
  );
  await waitElsewhere(t);
  await hold('nightly-report', 'lock table public."Odd name"');
  const reader = begin('tidemark g1/read', 'select * from public."Odd name"');
  const blocked = ({ findings }: HealthAnswer) => findings.find(({ rule }) => rule === 'lock.blocker');
  const health = await metrics.until((health) => blocked(health) !== undefined, 'the blocker is found');
  const finding = blocked(health);
  t.match(
    finding?.message,
    /nightly-report \(pid \d+, user \w+.*\) holds ACCESS EXCLUSIVE on public."Odd name" and has been idle in transaction for .*; 1 session waits/,
  );
  t.equal(finding?.root, null);
  t.equal(health.findings.filter(({ root }) => root === null).length, 1, JSON.stringify(health.findings));
  const tree = (await (await metrics.get('database/locks')).json()) as { waiting: number; roots: unknown[] };
  t.match(tree, { waiting: 1, roots: [{ session: { application: 'nightly-report' } }] }, JSON.stringify(tree));

  const sql = finding?.do[0]?.sql ?? '';
  const reused = sql.replace(/backend_start = '(\d+)/, (_all, year) => `backend_start = '${Number(year) - 1}`);
  t.not(reused, sql);
  t.same(await admin.query(reused), [], 'a later process with the same pid is left alone');
  t.same(await admin.query(sql), [{ pg_terminate_backend: true }]);
  t.equal((await reader).length, 3);
  await metrics.until((health) => blocked(health) === undefined, 'the finding ends');
});
