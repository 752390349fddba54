/**
 * On Linux these lie in memory (/dev/shm) when there is room: ext4 looks at every recently deleted inode whenever it
 * makes a file (`recently_deleted` in fs/ext4/ialloc.c), so a database took 1,000 ms after a few test runs, not 60.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './running-processes.ts';
import { canEnter, unprivilegedUser } from './unprivileged-user.ts';

const PREFIX = 'tidemark-tests-';
const MEMORY_FOLDER = '/dev/shm';
/** Bytes that must be free in memory: 100 MB for a stack, 15 MB for each database, and up to 2 GB of WAL. */
const ROOM_BYTES = 4 * 1024 ** 3;

/** Waits until its input is closed, gives the servers a moment to end, and removes the folder. */
const SWEEPER = `
read -r _
[ -e "$1" ] || exit 0
n=20
while [ -e "$1" ] && [ "$n" -gt 0 ]; do sleep 1; rm -rf "$1"; n=$((n - 1)); done
`;

export interface TemporaryHome {
  path: string;
  /** Removes the folder. Call it when the servers have ended. */
  remove(): void;
}

/** `tidemark-tests-<pid>-…` is removed when this process ends, whatever ends it, or by the next call at the latest. */
export function temporaryHome({ onDisk = false }: { onDisk?: boolean } = {}): TemporaryHome {
  const parent = chooseParent(onDisk);
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (pid > 0 && !isAlive(pid)) removeIfOurs(join(parent, name));
  }
  const path = mkdtempSync(join(parent, `${PREFIX}${process.pid}-`));
  const sweeper = startSweeper(path);
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
      sweeper.stdin?.end();
    },
  };
}

function chooseParent(onDisk: boolean): string {
  const user = unprivilegedUser();
  if (!onDisk && process.platform === 'linux' && canEnter(user, MEMORY_FOLDER)) {
    const { bavail, bsize } = statfsSync(MEMORY_FOLDER);
    if (bavail * bsize >= ROOM_BYTES && freemem() >= ROOM_BYTES) return MEMORY_FOLDER;
  }
  return canEnter(user, tmpdir()) ? tmpdir() : '/tmp';
}

function startSweeper(path: string): ChildProcess {
  const stdio = ['pipe', 'ignore', 'ignore'] as const;
  const sweeper = spawn('/bin/sh', ['-c', SWEEPER, 'tidemark-sweeper', path], {
    cwd: '/',
    detached: true,
    stdio: [...stdio],
  });
  sweeper.stdin?.on('error', () => {}); // EPIPE when the sweeper was killed; the next run removes the folder.
  sweeper.unref();
  (sweeper.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return sweeper;
}

function removeIfOurs(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The folder belongs to another user, or another process is removing it.
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}
