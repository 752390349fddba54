/** A folder for what can be made again: copies of the programs, a fresh cluster for tests. */
import { execFile } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errors } from './errors.ts';
import { canEnter, type User } from './unprivileged-user.ts';

/**
 * The first of these that we alone can write and `user` can enter: /var/cache/tidemark (root), ~/.cache/tidemark,
 * then a folder among the temporary files, where a cleaner may take pieces away.
 */
export async function cacheFolder(user: User | undefined): Promise<string> {
  const tried: string[] = [];
  const own = `tidemark-${process.getuid?.() ?? 0}`;
  const homeCache = () => join(homedir(), '.cache', 'tidemark'); // throws for a user id without an account
  for (const place of [
    user ? () => '/var/cache/tidemark' : homeCache,
    () => join(tmpdir(), own),
    () => join('/tmp', own),
  ]) {
    let folder = 'the home folder';
    try {
      folder = place();
      // Whatever the umask is: the server's user reads programs from it.
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

/** A folder that we made and nobody else can change: anything else under that name may be someone's trap. */
export function isOursAlone(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const stat = lstatSync(folder);
  return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
}

/**
 * Has `make` fill a folder, then gives it the name `target`. Renaming is atomic: of several starters one wins, and the
 * others use what it made. What is there and not `usable` is moved out of the way.
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

/** sync(1): a name must not reach the disk before the content does. One call is quicker than a thousand fsyncs. */
export async function flushDisk(): Promise<void> {
  await promisify(execFile)('sync');
}
