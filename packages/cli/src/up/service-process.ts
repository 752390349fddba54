/**
 * A service as a child process: started with its environment, ready when it says so, started again when it ends
 * without being asked to, stopped with a time limit.
 *
 *   starting ─ready→ running ─exit→ (after a pause) starting        any ─stop→ stopping ─exit→ stopped
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ServiceName } from '@tidemark/contracts';
import { asUser, BoundedLog, canEnter, type User } from '@tidemark/local-stack';
import { type ChildMessage, explain } from '@tidemark/service/process';
import { errors } from '../errors.ts';

/** Services that take in work stop first. */
export const STOP_ORDER: readonly ServiceName[] = ['gateway', 'realtime', 'batch', 'metrics'];

export interface ServiceProcessOptions {
  service: ServiceName;
  instance: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
  user: User | undefined;
  report: (line: string) => void;
  onGivenUp: (error: Error) => void;
}

export interface ServiceProcess {
  readonly service: ServiceName;
  readonly instance: string;
  url(): string;
  pid(): number | undefined;
  /** Resolves when the service has ended, by SIGKILL after the time limit. */
  stop(): Promise<void>;
}

/** Exceeds the sum of all shutdown phases of a service with a DRAIN_MS of 30 s. */
const STOP_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 60_000;
/** Ends within one minute after which the service is not started again. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;
const RESTART_PAUSE_MS = 500;

export async function startService(options: ServiceProcessOptions): Promise<ServiceProcess> {
  const { service, instance, report } = options;
  // The service writes to the file itself, so a full disk costs lines and never this process.
  const log = new BoundedLog(options.logFile);
  const ends: number[] = [];
  let stopping = false;
  let pause: NodeJS.Timeout | undefined;
  let current = await launch(options, options.env, log);

  function watch(): void {
    current.child.once('exit', (code, signal) => {
      restartLater(`${instance} ended (${signal ?? `code ${code}`})`);
    });
  }

  function restartLater(why: string): void {
    if (stopping) return;
    const now = Date.now();
    ends.push(now);
    while ((ends[0] as number) < now - RESTART_WINDOW_MS) ends.shift();
    if (ends.length > MAX_RESTARTS) {
      options.onGivenUp(errors.SERVICE_CRASHING({ service, times: ends.length, log: options.logFile }));
      return;
    }
    report(`${why}; starting it again`);
    pause = setTimeout(restart, RESTART_PAUSE_MS * 2 ** (ends.length - 1));
  }

  async function restart(): Promise<void> {
    try {
      // The port stays the same, because other processes know it.
      current = await launch(options, { ...options.env, PORT: new URL(current.url).port }, log);
      if (stopping) await end(current.child);
      else watch();
    } catch (error) {
      // A full disk ends several processes at once, so its servers may be restarting, too.
      restartLater(explain(error));
    }
  }

  watch();
  return {
    service,
    instance,
    url: () => current.url,
    pid: () => current.child.pid,
    async stop() {
      stopping = true;
      clearTimeout(pause);
      await end(current.child);
      log.close();
    },
  };
}

async function launch(
  options: ServiceProcessOptions,
  env: NodeJS.ProcessEnv,
  log: BoundedLog,
): Promise<{ child: ChildProcess; url: string }> {
  const { service, user } = options;
  const child = fork(fileURLToPath(import.meta.resolve(`@tidemark/${service}/main`)), {
    env,
    ...(user === undefined ? {} : { ...asUser(user), cwd: folderWithin(user) }),
    // In a process group of its own the service does not get Ctrl-C; this process stops the services in order.
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    // Source maps would stay parsed in memory, 8 MB a process; the JavaScript has the lines of the source almost as they are.
    execArgv: [],
  });
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (message: string) => {
      clearTimeout(timer);
      reject(errors.SERVICE_FAILED({ service, message }));
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`it was not ready within ${START_TIMEOUT_MS / 1_000} s`);
    }, START_TIMEOUT_MS);
    let said: string | undefined;
    child.on('message', (message: ChildMessage) => {
      if (message.type === 'failed') said = message.message;
      if (message.type !== 'ready') return;
      clearTimeout(timer);
      resolve(message.url);
    });
    child.once('exit', (code, signal) =>
      fail(said ?? `it ended with ${signal ?? `code ${code}`}; see ${options.logFile}`),
    );
    child.once('error', (error) => fail(error.message));
  });
  return { child, url };
}

/** A process that cannot enter its working folder cannot even read its path. */
const folderWithin = (user: User) => (canEnter(user, process.cwd()) ? process.cwd() : '/');

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
