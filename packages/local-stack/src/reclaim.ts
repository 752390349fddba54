/** Stops processes that an earlier run left in a data folder, if they are proven to work there. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from './errors.ts';
import { commandLine, isAlive, processesIn, signalAll } from './running-processes.ts';
import { waitUntil } from './wait-until.ts';

const STEPS_MS = [10_000, 5_000, 5_000];

/** Throws STACK_DATA_IN_USE when the processes belong to another user, or do not end. */
export async function reclaimFolder(
  folder: string,
  executable: 'postgres' | 'nats-server',
  onProgress: (line: string) => void,
): Promise<void> {
  const left = processesIn(folder, executable);
  if (left.length > 0) {
    const main = mainOf(folder, executable, left);
    onProgress(`stopping ${executable} (process ${main}) that an earlier run left in ${folder}`);
    await end(folder, main, left, executable === 'postgres' ? ['SIGINT', 'SIGQUIT'] : ['SIGTERM', 'SIGTERM']);
  }
  // The file is stale, even if another process has that number now (containers count from 1 again): Postgres would
  // take that process for its own.
  if (executable === 'postgres') rmSync(join(folder, 'postmaster.pid'), { force: true });
}

/** Without a lock file, orphans end one by one. */
function mainOf(folder: string, executable: string, left: number[]): number {
  const first = left[0] ?? 0;
  if (executable !== 'postgres') return first;
  try {
    const pid = Number(readFileSync(join(folder, 'postmaster.pid'), 'latin1').split('\n')[0]);
    return left.includes(pid) ? pid : first;
  } catch {
    return first; // Without a lock file there are only orphaned backends.
  }
}

async function end(folder: string, main: number, left: number[], soft: NodeJS.Signals[]): Promise<void> {
  const isEnded = () => !left.some(isAlive);
  try {
    signalAll(left, 'SIGCONT');
    for (const [index, signal] of [...soft, 'SIGKILL' as const].entries()) {
      signalAll(signal === 'SIGKILL' ? left : [main], signal);
      if (await waitUntil(isEnded, STEPS_MS[index] ?? 0)) return;
    }
  } catch (cause) {
    throw errors.DATA_IN_USE({ folder, pid: main, command: commandLine(main) }, { cause });
  }
  throw errors.DATA_IN_USE({ folder, pid: main, command: commandLine(main) });
}
