/** `npm start` on your own Postgres, replica and NATS: they are used as they are, and are still there afterwards. */
import { startTemporaryStack } from '@tidemark/local-stack';
import t from 'tap';
import { eventually, launch, nothingLeft } from './tidemark-up.ts';

t.test('your own servers, with a user that is no superuser', { timeout: 180_000 }, async (t) => {
  const stack = await startTemporaryStack();
  t.teardown(() => stack.stop());
  await stack.primary.query("create role app login replication createrole password 'secret'");
  await stack.primary.query('create database shop owner app');
  const own = (url: string) => {
    const changed = new URL(url);
    changed.username = 'app';
    changed.password = 'secret';
    changed.pathname = '/shop';
    return changed.href;
  };
  const replica = stack.replicas[0];
  if (!replica) throw new Error('no replica');
  const up = await launch(t, {
    env: { DATABASE_URL: own(stack.primary.url), DATABASE_REPLICA_URLS: own(replica.url), NATS_URL: stack.nats.url },
  });
  await up.line(/^ready /);
  t.notMatch(up.output(), /starting Postgres|NATS$/m, 'nothing of it is started');
  const base = `http://127.0.0.1:${up.port}`;
  const read = await fetch(`${base}/rest/v1/matches?select=id&limit=1`);
  t.equal(read.status, 200);
  t.equal(((await read.json()) as unknown[]).length, 1);
  await eventually(async () => {
    const again = await fetch(`${base}/rest/v1/matches?select=id&limit=1&order=id`);
    return again.headers.get('tidemark-source') === 'replica' ? true : undefined;
  });
  process.kill(up.child.pid as number, 'SIGINT');
  t.equal(await up.ended, 0);
  t.ok(await eventually(() => nothingLeft(up.home), 10));
  t.equal((await stack.primary.query('select 1')).length, 1, 'your Postgres is still there');
});
