/** Postgres 15 of Debian, the oldest version that Tidemark supports, with hypopg: a server for one test. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asUser, canEnter, freePort, unprivilegedUser, withClient } from '@tidemark/local-stack';
import type { Test } from 'tap';
import { debianProgram, unpackDebian } from './debian.ts';
import { errors } from './errors.ts';

/** The server, hypopg, and the libraries that a small image may lack. */
const PACKAGES = ['postgresql-15', 'postgresql-15-hypopg', 'libicu72', 'libxml2', 'libldap-2.5-0', 'libsasl2-2'];
const PROGRAMS = 'usr/lib/postgresql/15/bin';
const READY_MS = 20_000;

/** Starts the server, which only this machine reaches, and stops it with the test. Returns the URL of a superuser. */
export async function useDebianPostgres(t: Test): Promise<string> {
  const unpacked = await unpackDebian(PACKAGES);
  const { env } = await debianProgram(PACKAGES, PROGRAMS);
  const user = unprivilegedUser();
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-postgres15-'));
  let server: ChildProcess | undefined;
  t.teardown(async () => {
    if (server && server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGQUIT');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });
  chmodSync(folder, 0o755);
  if (user) chownSync(folder, user.uid, user.gid);
  // Other users cannot enter root's cache.
  const root = canEnter(user, unpacked) ? unpacked : join(folder, 'root');
  if (root !== unpacked) cpSync(unpacked, root, { recursive: true, verbatimSymlinks: true });
  const libraries = env.LD_LIBRARY_PATH?.replaceAll(unpacked, root);
  const options = {
    ...asUser(user),
    cwd: '/',
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC', LD_LIBRARY_PATH: libraries },
  };
  const data = join(folder, 'data');
  execFileSync(
    join(root, PROGRAMS, 'initdb'),
    ['-D', data, '-U', 'postgres', '--no-sync', '--encoding=UTF8', '--locale=C', '--auth=trust'],
    { ...options, stdio: 'ignore' },
  );
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `port=${port}`,
    'fsync=off',
    'wal_level=logical',
    'shared_preload_libraries=pg_stat_statements',
    'track_io_timing=on',
  ];
  const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
  server = spawn(join(root, PROGRAMS, 'postgres'), args, { ...options, stdio: 'ignore' });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const deadline = Date.now() + READY_MS;
  for (;;) {
    try {
      await withClient(url, (sql) => sql`select 1`);
      return url;
    } catch (cause) {
      if (server.exitCode !== null || Date.now() > deadline) {
        throw errors.SERVER_SILENT({ server: 'Postgres 15', seconds: READY_MS / 1_000 }, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
