/** A forked process of the benchmark: a server, the gateway, the relay or the load. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ChildMessage } from '@tidemark/service';
import { METRICS_ENV } from '@tidemark/testing';
import { errors } from '../errors.ts';
import { type Usage, usageOf } from './usage.ts';

const START_MS = 30_000;
/** The services' own phases take at most this long; then the process is killed. */
const STOP_MS = 15_000;

export interface ServerProcess {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  usage(): Usage;
  /** Resolves when it has ended. */
  kill(signal: 'SIGKILL'): Promise<void>;
  stop(): Promise<void>;
}

export function forkModule(
  path: string,
  env: Readonly<Record<string, string>>,
  execArgv: readonly string[] = [],
  descriptors?: number,
): ChildProcess {
  const options = {
    // Nothing of the caller's environment but what finds programs: all servers run under the same settings, and as the caller.
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', RUN_AS_USER: 'root', ...METRICS_ENV, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'] as ('ignore' | 'inherit' | 'ipc')[],
  };
  if (descriptors === undefined) return fork(path, [], { ...options, execArgv: [...execArgv] });
  const script = `ulimit -n ${descriptors} && exec "$0" "$@"`;
  return spawn('/bin/sh', ['-c', script, process.execPath, ...execArgv, path], options);
}

/** Forks a server and waits until it listens. @param descriptors its limit of open files (ulimit -n) @throws BENCH_NOT_STARTED, with the process ended */
export async function startServer(
  name: string,
  path: string,
  env: Readonly<Record<string, string>>,
  execArgv: readonly string[] = [],
  descriptors?: number,
): Promise<ServerProcess> {
  const child = forkModule(path, env, execArgv, descriptors);
  let timer: NodeJS.Timeout | undefined;
  const ready = await new Promise<ChildMessage>((resolve) => {
    timer = setTimeout(resolve, START_MS, { type: 'failed', message: `not ready within ${START_MS / 1000} s` });
    child.once('message', (message) => resolve(message as ChildMessage));
    child.once('error', (error) => resolve({ type: 'failed', message: error.message }));
    child.once('exit', (code, signal) => resolve({ type: 'failed', message: `it ended with ${signal ?? code}` }));
  });
  clearTimeout(timer);
  if (ready.type === 'failed') {
    await stopChild(child);
    throw errors.NOT_STARTED({ name, reason: ready.message });
  }
  const pid = child.pid as number;
  return {
    ...{ name, pid, url: ready.url, usage: () => usageOf(pid), stop: () => stopChild(child) },
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
  };
}

/** Asks by closing the channel (every process here ends with its parent), kills after STOP_MS. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
}
