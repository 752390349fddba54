/** Starts a redis-server for one test: the installed one, else Debian's in a folder of its own. The test is never skipped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { freePort, until } from '@tidemark/testing';
import { debianProgram } from '@tidemark/testing/debian';
import type { Test } from 'tap';

const PATHS = [
  '/usr/bin/redis-server',
  '/usr/local/bin/redis-server',
  '/usr/bin/valkey-server',
  '/opt/homebrew/bin/redis-server',
];
/** The packages of redis-server and of its libraries that a small image may lack. */
const PACKAGES = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1', 'libatomic1'];

export async function useRedis(t: Test): Promise<{ url: string; process: ChildProcess }> {
  const installed = PATHS.find((path) => existsSync(path));
  const program = installed
    ? { path: installed, env: process.env }
    : await debianProgram(PACKAGES, 'usr/bin/redis-server');
  const port = await freePort();
  const server = spawn(
    program.path,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: 'ignore',
      cwd: '/tmp',
      env: program.env,
    },
  );
  t.teardown(async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGCONT');
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  });
  await until(() => answers(port), 'redis-server listens');
  return { url: `redis://127.0.0.1:${port}`, process: server };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
