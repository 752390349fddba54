/** A redis-server of the test's own: Debian's, installed where it is missing; such a test is never skipped. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { Test } from 'tap';
import { until } from '../relay.ts';

const PATHS = [
  '/usr/bin/redis-server',
  '/usr/local/bin/redis-server',
  '/usr/bin/valkey-server',
  '/opt/homebrew/bin/redis-server',
];
const INSTALL = 'apt-get update && apt-get install -y --no-install-recommends redis-server';

const found = () => PATHS.find((path) => existsSync(path));

export async function useRedis(t: Test): Promise<{ url: string; process: ChildProcess }> {
  if (!found() && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    execFileSync('/bin/sh', ['-c', INSTALL], { stdio: 'ignore', env });
  }
  const path = found();
  if (!path)
    throw new Error(`this test needs redis-server, and none is at ${PATHS.join(', ')}. Run: sudo sh -c '${INSTALL}'`);
  const port = await freePort();
  const server = spawn(path, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
    cwd: '/tmp',
  });
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
