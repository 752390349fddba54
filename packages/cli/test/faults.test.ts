/** Bad settings and faults at the start: a message that names the value, the cause and the remedy, exit code not 0, nothing left running. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startTemporaryStack, useTestStack } from '@tidemark/local-stack';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { eventually, freePorts, type Launch, launch, nothingLeft, processesOf, temporaryHome } from './tidemark-up.ts';

async function refused(t: Test, options: Launch, ...patterns: RegExp[]): Promise<void> {
  const up = await launch(t, options);
  const code = await up.ended;
  t.equal(code, 1, 'exit code');
  for (const pattern of patterns) t.match(up.output(), pattern);
  t.match(up.output(), /→ /, 'it says what to do');
  t.notMatch(up.output(), /^ {4}at /m, 'no stack trace');
  t.ok(await eventually(() => nothingLeft(up.home), 10), `nothing is left running: ${await processesOf(up.home)}`);
}

t.test('a port in use', async (t) => {
  const port = await freePorts(4);
  const taken = createServer().listen(port + 2, '127.0.0.1');
  t.teardown(() => new Promise((resolve) => taken.close(resolve)));
  await refused(t, { port }, new RegExp(`port ${port + 2}, for the batch, is in use`), /PORT=<port>/);
});

t.test('bad environment variables, all at once', async (t) => {
  await refused(
    t,
    { env: { PORT: 'eighty', LOG_LEVEL: 'loud' } },
    /2 settings are wrong/,
    /PORT=eighty must be integer/,
    /LOG_LEVEL=loud must be one of fatal/,
  );
});

t.test('a flag that does not exist, and a scale that is none', async (t) => {
  await refused(t, { args: ['--nodemo'] }, /--nodemo/);
  await refused(t, { args: ['--scale', 'gateway=lots'] }, /--scale gateway=lots is not <service>=/);
});

t.test('a DATABASE_URL that nobody answers at', async (t) => {
  const port = await freePorts(1);
  await refused(
    t,
    { env: { DATABASE_URL: `postgres://me:secret@127.0.0.1:${port}/db` } },
    /DB_CONNECT_FAILED/,
    new RegExp(`127.0.0.1:${port}`),
  );
});

t.test('a DATABASE_URL that is no address', async (t) => {
  await refused(
    t,
    { env: { DATABASE_URL: 'mysql://localhost/db' } },
    /DB_INVALID_URL/,
    /postgres:\/\/user:password@host/,
  );
});

t.test('a Postgres whose wal_level is not logical', async (t) => {
  const stack = await startTemporaryStack({ nats: false, replica: false, postgresSettings: { wal_level: 'replica' } });
  t.teardown(() => stack.stop());
  await refused(
    t,
    { env: { DATABASE_URL: stack.primary.url } },
    /wal_level of .* is "replica"/,
    /alter system set wal_level = 'logical'/,
  );
});

t.test('a Postgres role without REPLICATION', async (t) => {
  const stack = await useTestStack();
  const database = await stack.database();
  t.teardown(() => database.drop());
  const role = `plain_${database.name}`;
  const sql = postgres(database.primaryUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(`create role ${role} login password 'secret' createrole`);
  t.teardown(async () => {
    await sql.unsafe(`drop role ${role}`);
    await sql.end();
  });
  const url = new URL(database.primaryUrl);
  url.username = role;
  url.password = 'secret';
  await refused(
    t,
    { env: { DATABASE_URL: url.href } },
    new RegExp(`the role "${role}" .* may not replicate`),
    /alter role .* replication/,
  );
});

t.test('a NATS_URL that nobody answers at', async (t) => {
  const port = await freePorts(1);
  await refused(
    t,
    { env: { NATS_URL: `nats://127.0.0.1:${port}` } },
    /BUS_UNREACHABLE/,
    new RegExp(`127.0.0.1:${port}`),
  );
});

t.test('a damaged data folder', async (t) => {
  const home = await temporaryHome(t);
  await mkdir(join(home, 'primary'), { recursive: true });
  await writeFile(join(home, 'primary', 'PG_VERSION'), 'eighteen\n');
  await refused(t, { home }, new RegExp(join(home, 'primary')), /STACK_/);
});

t.test('kill -9 of it leaves nothing running, and the next start has the data', { timeout: 180_000 }, async (t) => {
  const up = await launch(t, { args: ['--no-demo'] });
  await up.line(/^ready /);
  t.ok((await processesOf(up.home)).length >= 5, 'services and servers run');
  process.kill(up.child.pid as number, 'SIGKILL');
  await up.ended;
  t.ok(await eventually(() => nothingLeft(up.home), 40));
  const again = await launch(t, { home: up.home, port: up.port, args: ['--no-demo'] });
  await again.line(/^ready /);
  t.notMatch(again.output(), /making a new Postgres/);
});

t.test('a service that dies is started again', { timeout: 180_000 }, async (t) => {
  const up = await launch(t, { args: ['--no-demo'] });
  await up.line(/^ready /);
  const batch = (await processesOf(up.home)).find((line) => line.includes('services/batch/')) as string;
  process.kill(Number(batch.split(' ')[0]), 'SIGKILL');
  await up.line(/batch-1 ended \(SIGKILL\); starting it again/);
  await eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${up.port + 2}/readyz`).catch(() => undefined);
    return response?.ok ? true : undefined;
  });
});

t.test('more instances of a service', { timeout: 180_000 }, async (t) => {
  const up = await launch(t, { args: ['--no-demo', '--scale', 'realtime=2', '--scale', 'gateway=2'] });
  await up.line(/^ready /);
  const second = /gateway-2 +(\S+)/.exec(up.output())?.[1];
  t.equal((await fetch(`${second}/readyz`)).status, 200);
  t.match(up.output(), /realtime-2 +http/);
});
