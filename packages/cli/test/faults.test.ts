/** Bad settings and faults at the start: a message that names the value, the cause and the remedy, exit code not 0, nothing left running. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startTemporaryStack } from '@tidemark/local-stack';
import { freePorts, until, useTestStack } from '@tidemark/testing';
import { jwtVerify } from 'jose';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { type Launch, launch, nothingLeft, pidOf, processesOf, temporaryHome } from './tidemark-up.ts';

async function refused(t: Test, options: Launch, ...patterns: RegExp[]): Promise<string> {
  const up = await launch(t, options);
  const code = await up.ended;
  t.equal(code, 1, 'exit code');
  for (const pattern of patterns) t.match(up.output(), pattern);
  t.match(up.output(), /→ /, 'it says what to do');
  t.notMatch(up.output(), /^ {4}at /m, 'no stack trace');
  t.ok(await until(() => nothingLeft(up.home)), `nothing is left running: ${await processesOf(up.home)}`);
  return up.output();
}

t.test('refuses a port in use', async (t) => {
  const port = await freePorts(4);
  const taken = createServer().listen(port + 2, '127.0.0.1');
  t.teardown(() => new Promise((resolve) => taken.close(resolve)));
  await refused(t, { port }, new RegExp(`port ${port + 2}, for the batch, is in use`), /PORT=<port>/);
});

t.test('lists all wrong environment variables at once', async (t) => {
  await refused(
    t,
    { env: { PORT: 'eighty', LOG_LEVEL: 'loud' } },
    /2 settings are wrong/,
    /PORT=eighty must be integer/,
    /LOG_LEVEL=loud must be one of fatal/,
  );
});

t.test('refuses an unknown flag and an invalid scale', async (t) => {
  await refused(t, { args: ['--nodemo'] }, /--nodemo/);
  await refused(t, { args: ['--scale', 'gateway=lots'] }, /--scale gateway=lots is not <service>=/);
});

t.test('refuses a DATABASE_URL at which no server answers', async (t) => {
  const port = await freePorts(1);
  await refused(
    t,
    { env: { DATABASE_URL: `postgres://me:secret@127.0.0.1:${port}/db` } },
    /DB_CONNECT_FAILED/,
    new RegExp(`127.0.0.1:${port}`),
  );
});

t.test('refuses a DATABASE_URL that is no address', async (t) => {
  await refused(
    t,
    { env: { DATABASE_URL: 'mysql://localhost/db' } },
    /DB_INVALID_URL/,
    /postgres:\/\/user:password@host/,
  );
});

t.test('refuses a Postgres whose wal_level is not logical', async (t) => {
  const stack = await startTemporaryStack({ nats: false, replica: false, postgresSettings: { wal_level: 'replica' } });
  t.teardown(() => stack.stop());
  await refused(
    t,
    { env: { DATABASE_URL: stack.primary.url } },
    /wal_level of .* is "replica"/,
    /alter system set wal_level = 'logical'/,
  );
});

t.test('refuses a Postgres role without REPLICATION', async (t) => {
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

t.test('refuses a NATS_URL at which no server answers', async (t) => {
  const port = await freePorts(1);
  await refused(
    t,
    { env: { NATS_URL: `nats://127.0.0.1:${port}` } },
    /BUS_UNREACHABLE/,
    new RegExp(`127.0.0.1:${port}`),
  );
});

t.test('refuses NATS credentials without a server, or two of them, and prints no secret', async (t) => {
  const secret = 'hush-hush';
  const cases: [Record<string, string>, RegExp][] = [
    [{ NATS_USER: 'x', NATS_PASSWORD: secret }, /NATS_USER, NATS_PASSWORD is set without NATS_URL/],
    [{ NATS_URL: `nats://x:${secret}@127.0.0.1:1`, NATS_TOKEN: secret }, /the user in NATS_URL; NATS_TOKEN/],
  ];
  for (const [env, message] of cases) {
    const said = await refused(t, { env }, message, /\w/);
    t.notMatch(said, secret);
  }
});

t.test('refuses a damaged data folder', async (t) => {
  const home = await temporaryHome(t);
  await mkdir(join(home, 'primary'), { recursive: true });
  await writeFile(join(home, 'primary', 'PG_VERSION'), 'eighteen\n');
  await refused(t, { home }, new RegExp(join(home, 'primary')), /STACK_/);
});

t.test('after kill -9 nothing is left running, and the next start has the data', { timeout: 400_000 }, async (t) => {
  const up = await launch(t, { args: ['--no-demo'] });
  await up.line(/^ready /);
  t.ok((await processesOf(up.home)).length >= 5, 'services and servers run');
  process.kill(up.child.pid as number, 'SIGKILL');
  await up.ended;
  t.ok(await until(() => nothingLeft(up.home), undefined, 120_000));
  const again = await launch(t, { home: up.home, port: up.port, args: ['--no-demo'] });
  await again.line(/^ready /);
  t.notMatch(again.output(), /making a new Postgres/);
  const addresses = (text: string) =>
    text.match(/^ {2}(postgres|replica|nats) .*$/gm)?.map((line) => line.replace(/:[^:@]*@/, ':***@'));
  t.equal(addresses(up.output())?.length, 3);
  t.same(addresses(again.output()), addresses(up.output()), 'the servers have the same ports');
  t.match(up.output(), /^ {2}postgres +postgres:\/\/tidemark:[0-9a-f]+@/m);
  t.match(again.output(), /^ {2}postgres +postgres:\/\/tidemark:\*\*\*@/m, 'passwords are printed once');
  t.match(up.output(), /^ {2}service +eyJ/m);
  t.notMatch(again.output(), /^ {2}service +eyJ/m, 'tokens are printed once');
  const page = await (await fetch(`http://127.0.0.1:${again.port}/`)).text();
  t.match(page, /href="\/console\/"/, 'the address in a browser shows what runs');
});

t.test('starts more instances of a service, with the settings of the environment', { timeout: 180_000 }, async (t) => {
  const secret = 'a secret of your own, long enough';
  const up = await launch(t, {
    args: ['--no-demo', '--scale', 'batch=2', '--scale', 'gateway=2'],
    env: { JWT_SECRET: secret, BODY_LIMIT_BYTES: '2048' },
  });
  await up.line(/^ready /);
  const addressOf = (instance: string) => new RegExp(`${instance} +(http\\S+)`).exec(up.output())?.[1] as string;

  await t.test('the services have the settings', async (t) => {
    const { service } = JSON.parse(await readFile(join(up.home, 'credentials.json'), 'utf8')) as { service: string };
    await t.resolves(jwtVerify(service, new TextEncoder().encode(secret)));
    const files = `${addressOf('gateway-2')}/rest/v1/files`;
    const headers = {
      authorization: `Bearer ${service}`,
      'accept-profile': 'tidemark',
      'content-profile': 'tidemark',
      'content-type': 'application/json',
    };
    t.equal((await fetch(`${files}?limit=1`, { headers })).status, 200);
    t.equal((await fetch(files, { method: 'POST', headers, body: `"${'x'.repeat(3_000)}"` })).status, 413);
  });

  await t.test('restarts an instance that dies, at the same address', async (t) => {
    const address = addressOf('batch-2');
    // A refused connection means that the service is not ready yet.
    const isReady = async () => (await fetch(`${address}/readyz`).catch(() => undefined))?.ok;
    t.ok(await isReady());
    process.kill(await pidOf(up.home, 'batch-2'), 'SIGKILL');
    await up.line(/batch-2 ended \(SIGKILL\); starting it again/);
    t.ok(await until(isReady));
  });
});
