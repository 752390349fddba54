/** Alerts from their source to a webhook, over real Postgres, NATS and HTTP. */
import type { Alert } from '@tidemark/contracts';
import { migrate, withConnection } from '@tidemark/db';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { useMetrics } from '../metrics-fixture.ts';
import { useWebhook } from './webhook-server.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
const natsPrefix = stack.natsPrefix();
const hook = await useWebhook(t);
const env = {
  METRICS_EXPECT: 'none',
  METRICS_LOST_AFTER_MS: '2500',
  METRICS_ALERT_WEBHOOK_URLS: `${hook.url}/hook`,
  METRICS_HEARTBEAT_URL: `${hook.url}/heartbeat`,
  METRICS_ALERT_GROUP_MS: '0',
  METRICS_ALERT_QUIET_MS: '1000',
};
const servers = { ...database, natsUrl: stack.natsUrl, natsPrefix };
const metrics = await useMetrics(t, servers, env);
t.teardown(() => database.drop());

const heard: Alert[] = [];
metrics.bus.subscribe<Alert>(metrics.bus.subjects.allAlerts, (alert) => heard.push(alert));
await metrics.bus.flush();

function say(key: string, resolved = false): void {
  const alert: Alert = {
    key,
    message: 'm',
    hint: 'h',
    resolved,
    service: 'realtime',
    instance: 'realtime-1',
    at: Date.now(),
  };
  metrics.bus.publish(metrics.bus.subjects.alerts('critical'), alert);
}
interface AlertRow {
  key: string;
  ended: boolean;
  settled: boolean;
  told: string | null;
}
const rows = async () =>
  (await withConnection(database.primaryUrl, 'test', (query) =>
    query(
      `select key, ended_at is not null as ended, settled, sent->'webhook-1'->>'state' as told
       from tidemark.alerts order by started_at`,
    ),
  )) as unknown as AlertRow[];
const call = async (method: string, path: string, body?: object) =>
  fetch(`${metrics.url}/api/v1/performance/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await metrics.token('ops', { sub: 'ann' })}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });

t.test('delivers the alert of another service, stores it as a row, and tells its end', async (t) => {
  say('relay wal tidemark');
  const key = 'realtime: relay wal tidemark';
  await until(() => hook.states(key).length > 0, 'the webhook is told');
  t.match(
    hook.received.find(({ alerts }) => alerts),
    {
      version: '4',
      status: 'firing',
      alerts: [{ labels: { alertname: 'alert.realtime', severity: 'critical' }, annotations: { summary: 'm' } }],
    },
  );
  const { alerts } = (await (await metrics.get('alerts')).json()) as { alerts: { key: string; silenced: boolean }[] };
  t.match(alerts, [{ key, silenced: false }]);
  await until(async () => (await rows()).find((row) => row.key === key && !row.ended), 'it is a row');
  say('relay wal tidemark', true);
  await until(() => hook.states(key).includes('resolved'), 'its end is told');
  await until(async () => (await rows()).find((row) => row.key === key && row.settled), 'its row is settled');
  t.same(hook.states(key), ['firing', 'resolved'], 'each once');
});

t.test('publishes its findings on alerts.<severity>, and requests the heartbeat', async (t) => {
  const lost = metrics.instance('batch', 'batch-1');
  await metrics.until(({ instances }) => instances.some(({ instance }) => instance === 'batch-1'), 'it is seen');
  lost.stop();
  await until(() => hook.states('lost batch/batch-1').length > 0, 'the loss is told');
  t.match(
    heard.find(({ key }) => key === 'lost batch/batch-1'),
    { service: 'metrics', instance: 'metrics-t', resolved: false },
  );
  t.ok(hook.received.some(({ path }) => path === '/heartbeat'));
  const own = (await metrics.health()).instances.find(({ service }) => service === 'metrics');
  t.match(own, { version: /^\d/, settings: { METRICS_EXPECT: /^[0-9a-f]{8}$/ } });
  const secrets = ['JWT_SECRET', 'DATABASE_URL', 'NATS_URL', 'METRICS_TOKEN', 'METRICS_ALERT_WEBHOOK_URLS'];
  for (const name of secrets) t.notOk(name in (own?.settings ?? {}), `${name} may be a secret`);
  const { events } = (await (await metrics.get('events?from=1')).json()) as {
    events: { type: string; subject: string }[];
  };
  const ofInstance = events.filter(({ subject }) => subject.endsWith('batch/batch-1')).map(({ type }) => type);
  t.same(ofInstance, ['instance.started', 'instance.stopped', 'alert.began']);
});

t.test('a receiver that fails is a finding, and gets what it missed', async (t) => {
  hook.answerWith(500);
  say('missed');
  const failing = await metrics.until(
    ({ findings }) => findings.some(({ rule }) => rule === 'alerts.undelivered'),
    'the failure is found',
  );
  const finding = failing.findings.find(({ rule }) => rule === 'alerts.undelivered');
  t.match(finding, { subject: 'webhook-1', message: /HTTP 500.*waits?$/ });
  t.notMatch(JSON.stringify(finding), /\/hook/, 'its URL may be a secret');
  hook.answerWith(200);
  await until(() => hook.states('realtime: missed').length > 0, 'it is told later');
  say('missed', true);
});

t.test('a silence by rule keeps the alert from receivers, until it is ended', async (t) => {
  const refused = await call('POST', 'alerts/silences', { minutes: 5, reason: 'r' });
  t.equal(refused.status, 400);
  t.equal((await call('POST', 'alerts/silences', { rule: '*', minutes: 1_441, reason: 'r' })).status, 400, 'over 24 h');
  const created = await call('POST', 'alerts/silences', { rule: 'alert.realtime', minutes: 5, reason: 'maintenance' });
  t.equal(created.status, 201);
  const silence = (await created.json()) as { id: string; createdBy: string };
  t.equal(silence.createdBy, 'ann');
  say('quiet one');
  await until(async () => (await rows()).find(({ key }) => key === 'realtime: quiet one'), 'it is a row');
  const state = (await (await metrics.get('alerts')).json()) as { alerts: { key: string; silenced: boolean }[] };
  t.match(
    state.alerts.find(({ key }) => key === 'realtime: quiet one'),
    { silenced: true },
  );
  t.same(hook.states('realtime: quiet one'), []);
  t.equal((await call('DELETE', `alerts/silences/${silence.id}`)).status, 204);
  await until(() => hook.states('realtime: quiet one').length > 0, 'it is told after the silence');
  t.equal((await call('DELETE', `alerts/silences/${silence.id}`)).status, 404);
});

t.test('a test reaches each receiver and says what came of it', async (t) => {
  const answer = (await (await call('POST', 'alerts/test')).json()) as { receivers: object[] };
  t.match(answer.receivers, [{ name: 'webhook-1', ok: true, error: null }]);
  t.ok(hook.received.some(({ alerts }) => alerts?.[0]?.labels.alertname === 'alerts.test'));
  const anonymous = await fetch(`${metrics.url}/api/v1/performance/alerts/test`, { method: 'POST' });
  t.equal(anonymous.status, 401);
});

t.test('after a restart, what was told is not told again, and what ended meanwhile is told', async (t) => {
  const key = 'realtime: quiet one';
  await until(
    async () => (await rows()).find((row) => row.key === key && row.told === 'firing'),
    'the row says that the webhook was told',
  );
  await metrics.stop();
  hook.received.length = 0;
  const after = await useMetrics(t, servers, env);
  await until(() => hook.states(key).length > 0, 'its end is told');
  t.same(hook.states(key), ['resolved']);
  await after.stop();
});
