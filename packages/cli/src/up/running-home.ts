/** What `up` says of itself to the other commands, in its home: so `npx tidemark live enable …` finds the database that runs. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from './secret-file.ts';

export interface RunningHome {
  /** The process of `up`. */
  readonly pid: number;
  /** The primary, as the role that owns the schema. Its password makes the file a secret. */
  readonly databaseUrl: string;
}

const path = (home: string) => join(home, 'running.json');

export const writeRunningHome = (home: string, running: RunningHome): Promise<void> =>
  writeWhole(path(home), `${JSON.stringify(running, null, 2)}\n`);

export const forgetRunningHome = (home: string): Promise<void> => rm(path(home), { force: true });

/** Undefined where nothing runs in that home, also after an `up` that was killed and could not forget itself. */
export async function readRunningHome(home: string): Promise<RunningHome | undefined> {
  let running: RunningHome;
  try {
    running = JSON.parse(await readFile(path(home), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return isAlive(running.pid) ? running : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
