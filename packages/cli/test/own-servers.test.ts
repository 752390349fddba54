/** `npm start` on your own Postgres, replica, NATS and bucket: they are used as they are, and are still there afterwards. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { startTemporaryStack } from '@tidemark/local-stack';
import { until } from '@tidemark/testing';
import { startTestS3 } from '@tidemark/testing/s3';
import t from 'tap';
import { launch, nothingLeft } from './tidemark-up.ts';

t.test('runs on other servers, with a user that is no superuser', { timeout: 180_000 }, async (t) => {
  const natsPassword = 'p@ss/word, with %';
  const stack = await startTemporaryStack({
    natsSettings: `authorization { users: [{ user: "own", password: "${natsPassword}" }] }`,
  });
  const s3 = await startTestS3();
  t.teardown(async () => {
    await stack.stop();
    await s3.stop();
  });
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
  const natsUrl = stack.nats.address.replace('//', `//own:${encodeURIComponent(natsPassword)}@`);
  const up = await launch(t, {
    env: {
      DATABASE_URL: own(stack.primary.url),
      DATABASE_REPLICA_URLS: own(replica.url),
      NATS_URL: natsUrl,
      ...s3.env,
    },
  });
  await up.line(/^ready /);
  t.notMatch(up.output(), /starting Postgres|NATS$/m, 'nothing of it is started');
  t.match(up.output(), stack.nats.address);
  t.notMatch(up.output(), /p@ss|p%40ss/, 'the password of NATS is not printed');
  const base = `http://127.0.0.1:${up.port}`;
  const read = await fetch(`${base}/rest/v1/matches?select=id&limit=1`);
  t.equal(read.status, 200);
  t.equal(((await read.json()) as unknown[]).length, 1);
  await until(async () => {
    const again = await fetch(`${base}/rest/v1/matches?select=id&limit=1&order=id`);
    return again.headers.get('tidemark-source') === 'replica';
  });
  const { user } = JSON.parse(await readFile(join(up.home, 'credentials.json'), 'utf8')) as { user: string };
  t.equal(await typeOfResult(base, user), 'image/webp', 'gateway and batch share the bucket');
  await t.rejects(stat(join(up.home, 'files')), { code: 'ENOENT' }, 'and use no folder');
  process.kill(up.child.pid as number, 'SIGINT');
  t.equal(await up.ended, 0);
  t.ok(await until(() => nothingLeft(up.home)));
  t.equal((await stack.primary.query('select 1')).length, 1, 'your Postgres is still there');
  t.match(up.output(), /the replication slot "tidemark" keeps WAL in your database.*bounds it\n.*--drop-slot/);
  t.match(up.output(), /note: "app" is no member of pg_monitor/, 'the findings of doctor are shown');
});

/** Uploads an image, has it transformed, downloads the result. */
async function typeOfResult(base: string, token: string): Promise<string | null> {
  const authorization = `Bearer ${token}`;
  const ask = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const answer = await fetch(`${base}${path}`, { ...init, headers: { authorization, ...init.headers } });
    if (!answer.ok) throw new Error(`${answer.status} ${path}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const [demo] = await ask<Shown[]>('/api/v1/files?prefix=demo/images/&limit=1');
  const bytes = await (await fetch(`${base}${demo?.href}`, { headers: { authorization } })).arrayBuffer();
  const own = await ask<Shown>('/api/v1/files/own', { method: 'PUT', body: bytes });
  const job = await ask<{ id: string }>('/api/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      kind: 'image.transform',
      spec: { input: { files: [own.id] }, transform: { resize: { width: 50 }, format: 'webp' } },
    }),
  });
  const result = await until(
    async () => {
      const { state, error } = await ask<{ state: string; error: unknown }>(`/api/v1/jobs/${job.id}`);
      if (state === 'failed') throw new Error(JSON.stringify(error));
      return state === 'succeeded' ? (await ask<Shown[]>(`/api/v1/files?prefix=jobs/${job.id}/`))[0] : undefined;
    },
    undefined,
    60_000,
  );
  const answer = await fetch(`${base}${result.href}`, { headers: { authorization } });
  await answer.arrayBuffer();
  return answer.headers.get('content-type');
}

interface Shown {
  id: string;
  href: string;
}
