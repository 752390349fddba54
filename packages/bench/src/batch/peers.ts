/** Other job systems, installed at the first comparison into `peers/node_modules`, with the Node 22 that they need. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@tidemark/local-stack';
import { errors } from '../errors.ts';
import type { TrialContext } from '../lab/trial.ts';
import { until } from '../measuring/waiting.ts';
import { request } from '../processes/request-reply.ts';
import { ready, stopChild } from '../processes/server.ts';

const run = promisify(execFile);
const FOLDER = join(import.meta.dirname, '..', '..', 'peers');
const NODE_22 = join(FOLDER, 'node_modules', 'node', 'bin', 'node');
const INSTALL_MS = 300_000;
const ROUND_MS = 120_000;

export type PeerName = 'bullmq' | 'pg-boss' | 'graphile-worker';

export interface Peer {
  /** Returns the no-op jobs done in a second, from the first submitted to the last recorded. */
  round(items: number): Promise<number>;
}

export async function installPeers(log: (line: string) => void): Promise<void> {
  if (!existsSync(NODE_22)) {
    log('installing the peers into packages/bench/peers');
    await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER, timeout: INSTALL_MS });
  }
  const found = await run('redis-server', ['--version']).catch(() => undefined);
  if (found) return;
  log('installing redis-server by apt-get');
  await run('apt-get', ['install', '-y', 'redis-server'], { timeout: INSTALL_MS }).catch((cause: Error) => {
    throw errors.NOT_STARTED({ name: 'redis-server', reason: cause.message });
  });
}

export async function startPeer(
  context: TrialContext,
  name: PeerName,
  env: Readonly<Record<string, string>>,
): Promise<Peer> {
  const child = spawn(NODE_22, [join(FOLDER, `${name}.mjs`)], {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  context.cleanup(() => stopChild(child));
  await ready(child, name);
  return {
    async round(items) {
      const { ms, recorded } = await request<{ ms: number; recorded: number }>(child, { items }, ROUND_MS);
      if (recorded !== items) throw errors.NO_ANSWER({ reason: `${name} recorded ${recorded} of ${items} jobs` });
      return (items / ms) * 1_000;
    },
  };
}

/** Every write is synced before it is acknowledged, as Postgres's commits are. Resolves to the port. */
export async function startRedis(context: TrialContext): Promise<number> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'tidemark-bench-redis-'));
  context.cleanup(() => rm(dir, { recursive: true, force: true }));
  const settings = { port, dir, bind: '127.0.0.1', save: '', appendonly: 'yes', appendfsync: 'always' };
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const child = spawn('redis-server', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  context.cleanup(() => killed(child));
  await until('redis-server to listen', () => listens(port), 20_000);
  return port;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
