/** Finds a folder for data that can be made again: copies of programs, and a fresh cluster for tests. */
import { execFile } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errors } from './errors.ts';
import { canEnter, type User } from './unprivileged-user.ts';

/**
 * Returns the first of these that only we can write and `user` can enter: /var/cache/tidemark (root),
 * ~/.cache/tidemark, or a folder among the temporary files, where a cleaner may remove parts.
 */
export async function cacheFolder(user: User | undefined): Promise<string> {
  const tried: string[] = [];
  const own = `tidemark-${process.getuid?.() ?? 0}`;
  const homeCache = () => join(homedir(), '.cache', 'tidemark'); // homedir() throws for a user id without an account.
  for (const place of [
    user ? () => '/var/cache/tidemark' : homeCache,
    () => join(tmpdir(), own),
    () => join('/tmp', own),
  ]) {
    let folder = 'the home folder';
    try {
      folder = place();
      // The umask must not matter, because the server's user reads programs from the folder.
      if ((await mkdir(folder, { recursive: true, mode: 0o755 })) !== undefined) await chmod(folder, 0o755);
      if (isOursAlone(folder) && canEnter(user, folder)) return folder;
      tried.push(`${folder} (not ours alone, or out of reach)`);
    } catch (error) {
      tried.push(`${folder} (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  const reason = tried.join(', ');
  throw errors.FOLDER_UNREACHABLE({ folder: 'every cache folder', user: user?.name ?? 'you', reason });
}

/** Returns false for a folder that another user made or can change, which may be an attack. */
export function isOursAlone(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const stat = lstatSync(folder);
  return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
}

/**
 * Renaming is atomic: one of several processes wins, and the others use its folder. An unusable folder is moved away.
 */
export async function makeCached(
  target: string,
  usable: (folder: string) => boolean,
  make: (fresh: string) => Promise<void>,
): Promise<void> {
  const fresh = await mkdtemp(join(dirname(target), 'making-'));
  try {
    await make(fresh);
    await flushDisk();
    while (!(await renamed(fresh, target))) {
      if (usable(target)) return;
      await renamed(target, `${fresh}-aside`);
      await rm(`${fresh}-aside`, { recursive: true, force: true });
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR' || code === 'ENOENT') return false;
    throw error;
  }
}

/** A name must not reach the disk before the content does. One sync(1) is quicker than a thousand fsyncs. */
export async function flushDisk(): Promise<void> {
  await promisify(execFile)('sync');
}
