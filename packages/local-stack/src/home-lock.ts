import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from './errors.ts';
import { folderError } from './home-folder.ts';
import { commandLine, isAlive, startTime } from './running-processes.ts';

interface Owner {
  pid: number;
  /** A later process may have the same id (after a reboot, in a container). */
  started: string;
}

export interface HomeLock {
  release(): void;
}

export function lockHome(home: string): HomeLock {
  const path = join(home, 'stack.lock');
  const mine = `${path}.${process.pid}`;
  const owner: Owner = { pid: process.pid, started: startTime(process.pid) ?? '' };
  const text = JSON.stringify(owner);
  try {
    writeFileSync(mine, text, { mode: 0o600 });
    while (!tryLink(mine, path)) clearStale(home, path);
  } catch (cause) {
    throw folderError('the stack', home, cause);
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    release: () => {
      if (read(path) === text) rmSync(path, { force: true });
    },
  };
}

/** A hard link appears with its content, and fails when the name exists. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function clearStale(home: string, path: string): void {
  const text = read(path);
  if (text === undefined) return;
  const owner = parse(text);
  if (owner && isAlive(owner.pid) && startTime(owner.pid) === owner.started) {
    throw errors.DATA_IN_USE({ folder: home, pid: owner.pid, command: commandLine(owner.pid) });
  }
  // Two processes may see the stale lock. Each moves it first, so that the slower one notices a new one.
  const aside = `${path}.stale.${process.pid}`;
  renameSync(path, aside);
  if (read(aside) !== text) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(text: string): Owner | undefined {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return undefined; // A full disk has cut the file short, so no process holds the lock.
  }
}
