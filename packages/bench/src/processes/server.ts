import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ChildMessage } from '@tidemark/service';
import { METRICS_ENV } from '@tidemark/testing';
import { errors } from '../errors.ts';
import { type Usage, usageOf } from './usage.ts';

const START_MS = 30_000;
/** Longer than the shutdown phases of the services; then the process is killed. */
const STOP_MS = 15_000;

export type Env = Readonly<Record<string, string>>;

export interface ProcessOptions {
  readonly env?: Env;
  readonly execArgv?: readonly string[];
  readonly descriptors?: number;
}

export interface ServerProcess {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process has ended, however it does. */
  readonly ended: Promise<void>;
  usage(): Usage;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Node refuses options such as --cpu-prof in NODE_OPTIONS. */
const GIVEN_ARGV = process.env.BENCH_NODE_ARGV?.split(' ') ?? [];

export function forkModule(path: string, { env, execArgv: own = [], descriptors }: ProcessOptions = {}): ChildProcess {
  const execArgv = [...GIVEN_ARGV, ...own];
  const options = {
    // The caller's environment is not passed on, so that all servers run under the same settings.
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', RUN_AS_USER: 'root', ...METRICS_ENV, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'] as ('ignore' | 'inherit' | 'ipc')[],
  };
  if (descriptors === undefined) return fork(path, [], { ...options, execArgv });
  const script = `ulimit -n ${descriptors} && exec "$0" "$@"`;
  return spawn('/bin/sh', ['-c', script, process.execPath, ...execArgv, path], options);
}

export async function startServer(name: string, path: string, options?: ProcessOptions): Promise<ServerProcess> {
  const child = forkModule(path, options);
  const url = await ready(child, name);
  const pid = child.pid as number;
  const ended = once(child, 'exit').then(() => undefined);
  return {
    name,
    pid,
    ended,
    url,
    usage: () => usageOf(pid),
    kill: () => end(child, () => child.kill('SIGKILL')),
    stop: () => stopChild(child),
  };
}

/** Resolves to the URL that the process reports. It is ended when it does not become ready in time. */
export async function ready(child: ChildProcess, name: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const message = await new Promise<ChildMessage>((resolve) => {
    timer = setTimeout(resolve, START_MS, { type: 'failed', message: `not ready within ${START_MS / 1000} s` });
    child.once('message', (message) => resolve(message as ChildMessage));
    child.once('error', (error) => resolve({ type: 'failed', message: error.message }));
    child.once('exit', (code, signal) => resolve({ type: 'failed', message: `it ended with ${signal ?? code}` }));
  });
  clearTimeout(timer);
  if (message.type !== 'failed') return message.url;
  await stopChild(child);
  throw errors.NOT_STARTED({ name, reason: message.message });
}

/** Every process of the benchmark ends when its IPC channel closes. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await end(child, () => {
    if (child.connected) child.disconnect();
  });
  clearTimeout(timer);
}

async function end(child: ChildProcess, ask: () => unknown): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  ask();
  await gone;
}
