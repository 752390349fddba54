/** This file tells other commands the database and the address of `up`, so that `npx --no -- tidemark live …` finds them. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from './secret-file.ts';

export interface RunningHome {
  readonly pid: number;
  /** The URL has the password of the schema's owner, so the file is secret. */
  readonly databaseUrl: string;
  /** The address of the gateway. */
  readonly url: string;
  /** The local NATS with the user that only reads changes; absent with a NATS of your own. */
  readonly consumerNatsUrl?: string;
}

const path = (home: string) => join(home, 'running.json');

export const writeRunningHome = (home: string, running: RunningHome): Promise<void> =>
  writeWhole(path(home), `${JSON.stringify(running, null, 2)}\n`);

export const forgetRunningHome = (home: string): Promise<void> => rm(path(home), { force: true });

/** A killed `up` leaves its file, which does not count. */
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
