/** Answers tell clients nothing of where Postgres is. */
import { migrate } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { runPhases } from '@tidemark/service';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { start } from '../src/start.ts';
import { SECRET } from './gateway-fixture.ts';

const shared = await useTestStack();
const stack = await startTemporaryStack({ nats: false, replica: false });
t.teardown(() => stack.stop());
await migrate(stack.primary.url);
const gateway = await start({
  PORT: '0',
  LOG_LEVEL: 'fatal',
  JWT_SECRET: SECRET,
  SHED_LOOP_MS: '0',
  TIDEMARK_FILES_DIR: '/tmp',
  DATABASE_URL: stack.primary.url,
  NATS_URL: shared.natsUrl,
  NATS_PREFIX: shared.natsPrefix(),
});
t.teardown(() => runPhases(gateway.phases, () => undefined));

t.test('while Postgres is away, answers name no host and no port', async (t) => {
  const { hostname, port } = new URL(stack.primary.url);
  await stack.primary.kill();
  const requests: [string, RequestInit?][] = [
    ['/rest/v1/jobs'],
    ['/rest/v1/jobs', { method: 'POST', body: '{}' }],
    [
      '/api/v1/transaction',
      { method: 'POST', body: '{"operations":[{"method":"POST","path":"/rest/v1/jobs","body":{}}]}' },
    ],
    ['/api/v1/files'],
    ['/openapi.json'],
  ];
  const headers = { 'accept-profile': 'tidemark', 'content-profile': 'tidemark', 'content-type': 'application/json' };
  const secrets = [hostname, port];
  const answers = await Promise.all(
    requests.map(async ([path, init]) => {
      const answer = await fetch(`${gateway.url}${path}`, { headers, ...init });
      return { path, status: answer.status, text: await answer.text() };
    }),
  );
  for (const { path, status, text } of answers) {
    t.ok(status >= 500, `${path}: ${status} ${text.slice(0, 200)}`);
    for (const secret of secrets) t.notOk(text.includes(secret), `${path} says ${secret}: ${text}`);
  }
});
