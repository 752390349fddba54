import { startTemporaryStack, withClient } from '@tidemark/local-stack';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { checkServer } from '../../src/setup/check-server.ts';

t.test('describes a suitable server, and refuses another with what is missing', async (t) => {
  const { primaryUrl, replicaUrl } = await useTestStack();
  t.match(await checkServer(primaryUrl), { version: /^1[4-9]/, user: 'postgres', maxConnections: Number });
  t.match(await checkServer(replicaUrl, { primary: false }), { user: 'postgres' });
  await t.rejects(checkServer(replicaUrl), { code: 'DB_IS_STANDBY' });
  await t.rejects(checkServer(primaryUrl, { connections: 10_000 }), {
    code: 'DB_TOO_FEW_CONNECTIONS',
    message: /10005/,
  });
  const wrong = new URL(primaryUrl);
  wrong.password = 'wrong';
  await t.rejects(checkServer(wrong.href), {
    code: 'DB_CONNECT_FAILED',
    message: /password/,
    cause: { code: '28P01' },
  });
  await t.rejects(checkServer('postgres://u@127.0.0.1:1/d'), { code: 'DB_CONNECT_FAILED', message: /ECONNREFUSED/ });
});

t.test('checks wal_level and REPLICATION', async (t) => {
  const stack = await startTemporaryStack({ nats: false, replica: false, postgresSettings: { wal_level: 'replica' } });
  t.teardown(() => stack.stop());
  await t.rejects(checkServer(stack.primary.url), { code: 'DB_WAL_LEVEL', message: /"replica"/, hint: /alter system/ });
  const { primaryUrl } = await useTestStack();
  const role = `plain_${process.pid}`;
  await withClient(primaryUrl, (sql) => sql.unsafe(`create role ${role} login password 'x'`));
  t.teardown(() => withClient(primaryUrl, (sql) => sql.unsafe(`drop role ${role}`)));
  const plain = new URL(primaryUrl);
  plain.username = role;
  plain.password = 'x';
  await t.rejects(checkServer(plain.href), { code: 'DB_NO_REPLICATION', message: /plain_/ });
});
