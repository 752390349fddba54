/** Runs `npm start` or `tidemark up` as its own process, as a person at a terminal would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@tidemark/testing';
import type { Test } from 'tap';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export interface Running {
  child: ChildProcess;
  home: string;
  port: number;
  /** All it has printed so far. */
  output(): string;
  /** Resolves when a line matches; rejects when it ends before. */
  line(pattern: RegExp): Promise<string>;
  /** Its exit code; null after a signal. */
  ended: Promise<number | null>;
}

export interface Launch {
  env?: Record<string, string | undefined>;
  args?: string[];
  /** Run `npm start` itself, in a process group of its own. */
  npm?: boolean;
  home?: string;
  port?: number;
}

/** Starts Tidemark in a home of its own on free ports. The end of the test stops it. */
export async function launch(t: Test, options: Launch = {}): Promise<Running> {
  const home = options.home ?? (await temporaryHome(t));
  const port = options.port ?? (await freePorts(4));
  // Without tap's loaders, which every service would load as well.
  const env = { ...process.env, NODE_OPTIONS: '', PORT: String(port), TIDEMARK_HOME: home, ...options.env };
  const child = options.npm
    ? spawn('npm', ['start', '--', ...(options.args ?? [])], { cwd: root, env, detached: true })
    : spawn(process.execPath, [main, 'up', ...(options.args ?? [])], { cwd: root, env, detached: true });
  let output = '';
  const listeners = new Set<() => void>();
  const heard = (chunk: Buffer) => {
    output += chunk;
    for (const listener of listeners) listener();
  };
  child.stdout?.on('data', heard);
  child.stderr?.on('data', heard);
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null && child.pid) process.kill(-child.pid, 'SIGINT');
    await ended;
  });
  return {
    child,
    home,
    port,
    ended,
    output: () => output,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = output.split('\n').find((line) => pattern.test(line));
          if (found === undefined) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
        void ended.then((code) => {
          look();
          reject(new Error(`it ended with code ${code} before ${pattern}:\n${output}`));
        });
      }),
  };
}

export async function temporaryHome(t: Test): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-home-'));
  t.teardown(() => rm(home, { recursive: true, force: true }));
  return home;
}

/** Command lines of the live processes that belong to a home folder: by argument or by environment. */
export async function processesOf(home: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    // A process may end while it is read.
    const read = (name: string) => readFile(`/proc/${entry}/${name}`, 'utf8').catch(() => '');
    const [command, environment] = await Promise.all([read('cmdline'), read('environ')]);
    const isOurs =
      command.includes(home) || environment.split('\0').some((v) => v.startsWith('TIDEMARK_') && v.includes(home));
    if (isOurs && command !== '') found.push(`${entry} ${command.replaceAll('\0', ' ').slice(0, 200)}`);
  }
  return found;
}

/** The process of an instance, such as batch-2. */
export async function pidOf(home: string, instance: string): Promise<number> {
  for (const line of await processesOf(home)) {
    const pid = line.slice(0, line.indexOf(' '));
    // A process may end while it is read.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(`INSTANCE=${instance}`)) return Number(pid);
  }
  throw new Error(`no process of ${instance}`);
}

export async function nothingLeft(home: string): Promise<boolean> {
  return (await processesOf(home)).length === 0;
}
