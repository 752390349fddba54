/** A real PgBouncer (Debian's package) between: refused with what to do, whatever its settings. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asUser, unprivilegedUser } from '@tidemark/local-stack';
import { freePort, useTestStack } from '@tidemark/testing';
import { debianProgram, unpackDebian } from '@tidemark/testing/debian';
import t, { type Test } from 'tap';
import { checkServer } from '../../src/setup/check-server.ts';
import { withConnection } from '../../src/setup/with-connection.ts';
import { until } from '../open-test-database.ts';

const PACKAGES = ['pgbouncer', 'libevent-2.1-7', 'libc-ares2'];
const PROGRAM = 'usr/sbin/pgbouncer';

/** Starts PgBouncer in transaction mode and returns the URL of the test database through it. */
async function startPooler(t: Test, settings: string): Promise<string> {
  const { primaryUrl } = await useTestStack();
  const target = new URL(primaryUrl);
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-pooler-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  // PgBouncer refuses to run as root, and other users cannot enter root's cache.
  const unpacked = await unpackDebian(PACKAGES);
  const { env } = await debianProgram(PACKAGES, PROGRAM);
  await cp(unpacked, join(folder, 'root'), { recursive: true, verbatimSymlinks: true });
  const libraries = env.LD_LIBRARY_PATH?.replace(unpacked, join(folder, 'root'));
  const port = await freePort();
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    `[databases]
* = host=${target.hostname} port=${target.port} user=${target.username} password=${target.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
${settings}
`,
    { mode: 0o644 },
  );
  const pooler: ChildProcess = spawn(join(folder, 'root', PROGRAM), [join(folder, 'pgbouncer.ini')], {
    ...asUser(unprivilegedUser()),
    cwd: '/',
    env: { ...env, LD_LIBRARY_PATH: libraries },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  pooler.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  const ended = new Promise<void>((resolve) => pooler.once('close', () => resolve()));
  t.teardown(async () => {
    pooler.kill('SIGKILL');
    await ended;
  });
  await until('the pooler', () => /process up|listening on/.test(log) || pooler.exitCode !== null);
  t.equal(pooler.exitCode, null, log);
  target.port = String(port);
  return target.href;
}

t.test('refuses a pooler that does not take the settings of a session', async (t) => {
  const url = await startPooler(t, '');
  await t.rejects(checkServer(url), { code: 'DB_POOLER', message: /pooler.*unsupported startup parameter/ });
});

t.test('recognises a pooler that ignores the settings of a session', async (t) => {
  const ignored = 'intervalstyle, bytea_output, extra_float_digits, statement_timeout';
  const url = await startPooler(t, `ignore_startup_parameters = ${ignored}`);
  await t.rejects(checkServer(url), { code: 'DB_POOLER', hint: /DATABASE_URL/ });
  t.equal(await withConnection(url, 'test', async (_query, server) => server.isBehindPooler), true);
  const { primaryUrl } = await useTestStack();
  t.equal(await withConnection(primaryUrl, 'test', async (_query, server) => server.isBehindPooler), false);
});
