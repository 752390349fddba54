/** The health response while a part of the system is down. The test stops servers, so it has its own. */
import { migrate } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { until } from '@tidemark/testing';
import t from 'tap';
import type { HealthAnswer } from '../../src/health/answer.ts';
import { start } from '../../src/start.ts';
import { useWebhook } from '../alerts/webhook-server.ts';
import { SECRET, useMetrics } from '../metrics-fixture.ts';

const stack = await startTemporaryStack();
t.teardown(() => stack.stop());
const { primary, nats } = stack;
const replica = stack.replicas[0]!;
await migrate(primary.url);
const hook = await useWebhook(t);
const metrics = await useMetrics(
  t,
  { primaryUrl: primary.url, natsUrl: nats.url, natsPrefix: '' },
  {
    METRICS_REPLICA_LAG_ALERT_MS: '1500',
    METRICS_EXPECT: 'none',
    METRICS_ALERT_WEBHOOK_URLS: hook.url,
    METRICS_ALERT_GROUP_MS: '0',
  },
);
const isTold = (key: string) => until(() => hook.states(key).includes('firing'), `${key} is told`);

t.test('reports replica lag while replay is paused, and recovers', async (t) => {
  await metrics.until(({ postgres }) => postgres.replication.length === 1, 'the replica is seen');
  await replica.pauseReplay();
  await primary.query('create table written (i int)');
  const behind = await metrics.until(
    ({ postgres, status }) => status === 'degraded' && (postgres.replication[0]?.lagMs ?? 0) > 1_500,
    'the lag is seen',
  );
  const [replicated] = behind.postgres.replication;
  t.ok((replicated?.lagBytes ?? 0) > 0);
  t.ok(
    behind.problems.some((problem) => problem.includes(`the replica ${replicated?.name} is`)),
    behind.problems.join(),
  );
  await replica.resumeReplay();
  const after = await metrics.until(({ status }) => status === 'ok', 'the lag is over');
  t.ok((after.postgres.replication[0]?.lagMs ?? 9e9) < 1_500);
});

t.test('reports Postgres down once, without stale figures, and recovers', async (t) => {
  await primary.stop('immediate');
  const down = await metrics.until(({ status }) => status === 'down', 'it is down');
  t.equal(down.problems.filter((problem) => /Postgres/.test(problem)).length, 1);
  t.match(down.postgres, { status: 'down', problem: /Postgres does not answer/, connections: null, version: null });
  t.ok(down.collectors.find(({ name }) => name === 'postgres activity')?.error);
  t.equal(down.nats.status, 'ok');
  t.equal((await fetch(`${metrics.url}/readyz`)).status, 200, 'it is there to say so');
  t.match(down.jobs, { queued: null, running: null }, 'unknown is not 0');
  t.match(
    down.unknown.find(({ rule }) => rule === 'lock.blocker'),
    { why: /postgres activity/ },
  );
  await isTold('postgres');

  const late = await start({
    PORT: '0',
    LOG_LEVEL: 'silent',
    DATABASE_URL: primary.url,
    NATS_URL: nats.url,
    NATS_PREFIX: 'late',
    JWT_SECRET: SECRET,
    METRICS_EXPECT: 'none',
  });
  const headers = { authorization: `Bearer ${await metrics.token('ops')}` };
  t.teardown(async () => {
    for (const phase of late.phases) await phase.run();
  });
  const lateSays = (status: string) => {
    let last: HealthAnswer | undefined;
    return until(
      async () => {
        last = (await (await fetch(`${late.url}/api/v1/performance/health`, { headers })).json()) as HealthAnswer;
        return last.status === status;
      },
      () => `the one that started without Postgres says ${status}; the last answer: ${last?.problems.join('; ')}`,
    );
  };
  await lateSays('down');

  await primary.start();
  await metrics.until(({ status, postgres }) => status === 'ok' && postgres.version !== null, 'it is back');
  await lateSays('ok');
});

t.test('reports NATS down, and recovers', async (t) => {
  await nats.stop();
  const down = await metrics.until(({ status }) => status === 'down', 'it is down');
  t.match(down.nats, { status: 'down', problem: /NATS does not answer/ });
  t.equal(down.postgres.status, 'ok');
  t.equal((await fetch(`${metrics.url}/readyz`)).status, 503);
  await isTold('nats');
  await nats.start();
  await metrics.until(({ status }) => status === 'ok', 'it is back');
});

t.test('refuses to start on a used port or with an invalid setting, with a hint', async (t) => {
  const env = { DATABASE_URL: primary.url, NATS_URL: nats.url, JWT_SECRET: SECRET, LOG_LEVEL: 'silent' };
  const { port } = new URL(metrics.url);
  await t.rejects(start({ ...env, PORT: port }), {
    code: 'METRICS_CANNOT_LISTEN',
    message: new RegExp(port),
    hint: /PORT/,
  });
  await t.rejects(start({ ...env, METRICS_EXPECT: 'gatway', METRICS_HISTORY_SECONDS: '1' }), {
    code: 'CONFIG_INVALID',
    message: /METRICS_EXPECT=gatway[\s\S]*METRICS_HISTORY_SECONDS=1/,
  });
  await t.rejects(start({ ...env, METRICS_ALERT_SLACK_URLS: 'hooks.slack.com/services/s3cret' }), {
    code: 'METRICS_WEBHOOK_URL',
    message: /^(?!.*s3cret).*METRICS_ALERT_SLACK_URLS/,
  });
  await t.rejects(start({ ...env, DATABASE_URL: 'nonsense' }), { code: 'DB_INVALID_URL' });
});
