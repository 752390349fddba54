/** A clone of this repository in a folder of an ordinary user, who has a home and a package store of their own. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { asUser, freePorts, type User, unprivilegedUser } from '@tidemark/local-stack';
import { until } from '../../measuring/waiting.ts';
import { SERVICE_NAMES } from '../../processes/services.ts';
import type { TrialContext } from '../trial.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../../..', import.meta.url));
const START_MS = 600_000;
const PROGRESS = /^ *\d+\.\d s {2}/;

export interface Started {
  readonly seconds: number;
  readonly isOrdinaryUser: boolean;
  /** The status of a request to the gateway. */
  readonly status: number;
  readonly progress: readonly string[];
  /** Processes of the user that are left after Ctrl-C. */
  readonly left: number;
}

export interface Clone {
  /** Runs `npm start` until it is ready, and stops it. */
  start(): Promise<Started>;
  /** Clones anew; the user's home, with the package store, stays. */
  fresh(): Promise<void>;
}

export async function startClone(context: TrialContext): Promise<Clone> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-clone-'));
  context.cleanup(() => rm(folder, { recursive: true, force: true }));
  const user = unprivilegedUser();
  const own = (path: string) => (user ? chown(path, user.uid, user.gid) : Promise.resolve());
  const home = join(folder, 'home');
  const tree = join(folder, 'tidemark');
  await mkdir(home);
  await Promise.all([own(folder), own(home)]);
  const { stdout: registry } = await run('npm', ['config', 'get', 'registry']);
  const as = {
    ...asUser(user),
    env: { PATH: process.env.PATH ?? '', HOME: home, npm_config_registry: registry.trim() },
  };
  const fresh = async () => {
    await rm(tree, { recursive: true, force: true });
    // The repository of root is not the user's, which git would refuse.
    await run('git', ['clone', '--quiet', '--no-hardlinks', ROOT, tree]);
    if (user) await run('chown', ['-R', `${user.uid}:${user.gid}`, tree]);
  };
  await fresh();
  return { fresh, start: () => startIn(context, tree, as, user) };
}

async function startIn(
  context: TrialContext,
  tree: string,
  as: { env: NodeJS.ProcessEnv },
  user: User | undefined,
): Promise<Started> {
  const port = await freePorts(SERVICE_NAMES.length);
  const began = performance.now();
  const child = spawn('npm', ['start'], {
    ...as,
    cwd: tree,
    env: { ...as.env, PORT: String(port) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = () => child.exitCode === null && child.signalCode === null;
  context.cleanup(async () => {
    if (running()) process.kill(-(child.pid as number), 'SIGKILL');
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  await until(
    () => `npm start to be ready: ${output.slice(-2_000)}`,
    () => /^ready /m.test(output) || !running(),
    START_MS,
  );
  const seconds = (performance.now() - began) / 1_000;
  const { status } = await fetch(`http://127.0.0.1:${port}/rest/v1/matches?limit=1`);
  const isOrdinaryUser = (user?.uid ?? process.getuid?.()) !== 0;
  const gone = once(child, 'exit');
  process.kill(-(child.pid as number), 'SIGINT');
  await gone;
  const progress = output.split('\n').filter((line) => PROGRESS.test(line));
  return { seconds, isOrdinaryUser, status, progress, left: await processesBelow(tree) };
}

async function processesBelow(tree: string): Promise<number> {
  let found = 0;
  for (const entry of await readdir('/proc')) {
    // A process may end while it is read.
    const command = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '') : '';
    if (command.includes(tree)) found += 1;
  }
  return found;
}
