/** A clone of this repository's last commit, for an ordinary user who has a home and a package store of their own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { asUser, freePorts, type User, unprivilegedUser } from '@tidemark/local-stack';
import { errors } from './errors.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const START_MS = 600_000;
const SERVICES = 4;

export interface CleanClone {
  readonly folder: string;
  /** The user is root only where nobody else is there. */
  readonly isOrdinaryUser: boolean;
  /** Clones anew; the home of the user, with the package store, stays. */
  fresh(): Promise<void>;
  /** Resolves when `npm start` has printed `ready`. */
  start(): Promise<StartedClone>;
  /** Runs a command of a shell in the clone, as the user; resolves to what it prints. */
  shell(command: string): Promise<string>;
}

export interface StartedClone {
  readonly url: string;
  readonly seconds: number;
  output(): string;
  /** As Ctrl-C does. Resolves to the number of processes that are left. */
  stop(): Promise<number>;
}

export interface CleanCloneOptions {
  /** Registers what is to be done at the end, in reverse order. */
  cleanup(undo: () => Promise<void>): void;
  /** A folder that is kept for the next time, so that packages are fetched once. */
  keptHome?: string;
}

export async function cleanClone({ cleanup, keptHome }: CleanCloneOptions): Promise<CleanClone> {
  const above = await mkdtemp(join(tmpdir(), 'tidemark-clone-'));
  cleanup(() => rm(above, { recursive: true, force: true }));
  const user = unprivilegedUser();
  const folder = join(above, 'tidemark');
  const home = keptHome ?? join(above, 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  if (user) await Promise.all([above, home].map((path) => chown(path, user.uid, user.gid)));
  const { stdout: registry } = await run('npm', ['config', 'get', 'registry']);
  const as = {
    ...asUser(user),
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: home, npm_config_registry: registry.trim() },
  };
  const fresh = async () => {
    await rm(folder, { recursive: true, force: true });
    await run('git', ['clone', '--quiet', '--no-hardlinks', ROOT, folder]);
    // git refuses a user the repository of another.
    if (user) await run('chown', ['-R', `${user.uid}:${user.gid}`, folder]);
  };
  await fresh();
  return {
    folder,
    fresh,
    isOrdinaryUser: (user?.uid ?? process.getuid?.()) !== 0,
    start: () => startIn(as, cleanup),
    shell: async (command) => (await run('bash', ['-ec', command], { ...as, timeout: START_MS })).stdout,
  };
}

interface As extends Partial<Pick<User, 'uid' | 'gid'>> {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

async function startIn(as: As, cleanup: CleanCloneOptions['cleanup']): Promise<StartedClone> {
  const port = await freePorts(SERVICES);
  const began = performance.now();
  const env = { ...as.env, PORT: String(port) };
  const child = spawn('npm', ['start'], { ...as, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  cleanup(async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), 'SIGKILL');
    await ended;
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  await ready(child, () => output);
  return {
    url: `http://127.0.0.1:${port}`,
    seconds: (performance.now() - began) / 1_000,
    output: () => output,
    async stop() {
      process.kill(-(child.pid as number), 'SIGINT');
      await ended;
      return processesBelow(as.cwd);
    },
  };
}

/** @throws TESTING_CLONE_FAILED with the output when the process ends, or the time is over, before it is ready */
function ready(child: ChildProcess, output: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve();
    };
    const fail = (reason: string) => settle(errors.CLONE_FAILED({ reason, output: output().slice(-4_000) }));
    const timer = setTimeout(() => fail(`was not ready within ${START_MS} ms`), START_MS);
    child.once('close', (code) => fail(`ended with the code ${code}`));
    child.stdout?.on('data', () => {
      if (/^ready /m.test(output())) settle();
    });
  });
}

async function processesBelow(folder: string): Promise<number> {
  let found = 0;
  for (const entry of await readdir('/proc')) {
    // A process may end while it is read.
    const command = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '') : '';
    if (command.includes(folder)) found += 1;
  }
  return found;
}
