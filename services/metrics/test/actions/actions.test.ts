/** Remedies that operators carry out, on real Postgres. */
import { migrate } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import postgres from 'postgres';
import t from 'tap';
import { useMetrics } from '../metrics-fixture.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
t.teardown(() => database.drop());
const servers = { ...database, natsUrl: stack.natsUrl, natsPrefix: stack.natsPrefix() };
const metrics = await useMetrics(t, servers, { METRICS_EXPECT: 'none', METRICS_ACTIONS: 'on' });
const admin = postgres(database.primaryUrl, { max: 3, onnotice: () => {} });
t.teardown(() => admin.end({ timeout: 1 }));
await admin`create table locked (i int)`;

const act = async (token: string, role = 'ops') => {
  const answer = await fetch(`${metrics.url}/api/v1/performance/findings/actions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await metrics.token(role, { sub: 'ann' })}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ token }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

async function blocked(t: Tap) {
  const idle = postgres(database.primaryUrl, { max: 1, onnotice: () => {}, connection: { application_name: 'idler' } });
  t.teardown(() => idle.end({ timeout: 1 }).catch(() => undefined));
  await idle.unsafe('begin; lock table locked');
  const waits = admin`select from locked`.then(() => 'read');
  const { findings } = await metrics.until(
    ({ findings }) => findings.some(({ rule, subject }) => rule === 'lock.blocker' && subject.startsWith('pid')),
    'the lock is found',
  );
  return { waits, finding: findings.find(({ rule }) => rule === 'lock.blocker') };
}
type Tap = typeof t;

t.test('a remedy runs once it is confirmed by its token, with the rights of ops, and is recorded', async (t) => {
  const { waits, finding } = await blocked(t as Tap);
  const [remedy] = finding?.do ?? [];
  const token = String(remedy?.token);
  t.match(await act(token, 'service_role'), { status: 403, body: { code: 'METRICS_ACTION_ROLE' } });
  t.match(await act('another'), { status: 409, body: { code: 'METRICS_ACTION_TOKEN' } });
  const refused = await act(token);
  t.match(refused, { status: 409, body: { code: 'METRICS_ACTION_FAILED', message: /may not see .*42501/ } });
  await admin`grant pg_signal_backend, pg_read_all_stats to ops with inherit true`;
  t.teardown(() => admin`revoke pg_signal_backend, pg_read_all_stats from ops`);
  // The superuser of this test's session may only be ended by a superuser.
  const stillRefused = await act(token);
  t.equal(stillRefused.status, 409, 'nor those of a superuser, whatever this service could');
  await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'idler'`;
  t.equal(await waits, 'read');
  await metrics.until(({ status }) => status === 'ok', 'the fault has ended');
  t.match(await act(token), { status: 409, body: { code: 'METRICS_ACTION_TOKEN' } }, 'its finding is over');
  const rows = await admin`select rule, asked_by, outcome, detail, sql from tidemark.actions order by began_at`;
  t.match(
    [...rows],
    [
      { rule: 'lock.blocker', asked_by: 'ann', outcome: 'failed', detail: /may not see/ },
      { outcome: 'failed', detail: /permission denied to terminate process/ },
    ],
  );
  t.equal(rows[0]?.sql, remedy?.sql);
  const { actions } = (await (await metrics.get('findings/actions')).json()) as { actions: unknown[] };
  t.match(actions, [{ key: finding?.key, askedBy: 'ann' }, { outcome: 'failed' }]);
  const { events } = (await (await metrics.get('events?type=action.taken')).json()) as { events: unknown[] };
  t.match(events, [{ message: /^ann: select pg_terminate_backend/ }, {}]);
});

t.test('a session of an ordinary role is ended', async (t) => {
  await admin`grant pg_signal_backend, pg_read_all_stats to ops with inherit true`;
  t.teardown(() => admin`revoke pg_signal_backend, pg_read_all_stats from ops`);
  const name = `idler_${process.pid}`;
  await admin.unsafe(`create role ${name} login password 'x'; grant select, update on locked to ${name}`);
  const url = new URL(database.primaryUrl);
  Object.assign(url, { username: name, password: 'x' });
  const idle = postgres(String(url), { max: 1, onnotice: () => {} });
  t.teardown(async () => {
    await idle.end({ timeout: 1 }).catch(() => undefined);
    await admin.unsafe(`drop owned by ${name}; drop role ${name}`);
  });
  await idle.unsafe('begin; lock table locked in exclusive mode');
  const write = admin`insert into locked values (1)`.then(() => 'written');
  const { findings } = await metrics.until(
    ({ findings }) => findings.some(({ rule }) => rule === 'lock.blocker'),
    'it is found',
  );
  const finding = findings.find(({ rule }) => rule === 'lock.blocker');
  const done = await act(String(finding?.do[0]?.token));
  if (!t.match(done, { status: 200, body: { outcome: 'done', sql: finding?.do[0]?.sql } }))
    await idle.end({ timeout: 0 });
  t.equal(await write, 'written');
  const [last] = await admin`select outcome, asked_by from tidemark.actions order by began_at desc limit 1`;
  t.match(last, { outcome: 'done', asked_by: 'ann' });
});

t.test('without METRICS_ACTIONS findings have no tokens, and nothing is carried out', async (t) => {
  const off = await useMetrics(t, servers, {
    METRICS_EXPECT: 'none',
    INSTANCE: 'metrics-off',
    METRICS_THRESHOLDS_FILE: '',
  });
  const answer = await fetch(`${off.url}/api/v1/performance/findings/actions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await off.token('ops')}`, 'content-type': 'application/json' },
    body: '{"token":"x"}',
  });
  t.match(await answer.json(), { status: 403, code: 'METRICS_ACTIONS_OFF' });
});
