/** PgBouncer of Debian in transaction mode, in front of a database, for one test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asUser, freePort, unprivilegedUser } from '@tidemark/local-stack';
import type { Test } from 'tap';
import { debianProgram, unpackDebian } from './debian.ts';
import { errors } from './errors.ts';

const PACKAGES = ['pgbouncer', 'libevent-2.1-7', 'libc-ares2'];
const PROGRAM = 'usr/sbin/pgbouncer';
const READY_MS = 20_000;

/** `settings` are lines of pgbouncer.ini. Returns the URL of the same database through the pooler. */
export async function usePooler(t: Test, databaseUrl: string, settings = ''): Promise<string> {
  const target = new URL(databaseUrl);
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-pooler-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  // PgBouncer refuses to run as root, and other users cannot enter root's cache.
  const unpacked = await unpackDebian(PACKAGES);
  const { env } = await debianProgram(PACKAGES, PROGRAM);
  await cp(unpacked, join(folder, 'root'), { recursive: true, verbatimSymlinks: true });
  const libraries = env.LD_LIBRARY_PATH?.replaceAll(unpacked, join(folder, 'root'));
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
  const deadline = Date.now() + READY_MS;
  while (!/process up|listening on/.test(log)) {
    if (pooler.exitCode !== null || Date.now() > deadline) {
      throw errors.SERVER_SILENT({ server: `PgBouncer (${log})`, seconds: READY_MS / 1_000 });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  target.port = String(port);
  return target.href;
}
