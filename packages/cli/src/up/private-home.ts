/** The home folder holds tokens, passwords and logs: what is in it is for its owner alone, also where an earlier release was lax. */
import type { Dirent } from 'node:fs';
import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SECRET_MODE } from './secret-file.ts';

const PRIVATE_FOLDER = 0o700;
/** A root's servers run as another user, who must pass through the home to the data, and can list nothing. */
const PASSABLE_FOLDER = 0o711;
/** Folders whose files are tightened as well: the services' logs and the servers'. Data folders are their servers' to keep. */
const LOG_FOLDERS = ['logs', 'log'];

/** Makes the home and its folder of logs, and takes everybody else's rights from the files that are there. */
export async function preparePrivateHome(home: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: PRIVATE_FOLDER });
  const isRoot = process.getuid?.() === 0;
  await chmod(home, (await stat(home)).mode & (isRoot ? PASSABLE_FOLDER : PRIVATE_FOLDER));
  await mkdir(join(home, 'logs'), { recursive: true, mode: PRIVATE_FOLDER });
  for (const entry of await readdir(home, { withFileTypes: true })) {
    await tightenFile(home, entry);
    if (!entry.isDirectory() || !LOG_FOLDERS.includes(entry.name)) continue;
    const folder = join(home, entry.name);
    await chmod(folder, PRIVATE_FOLDER);
    for (const log of await readdir(folder, { withFileTypes: true })) await tightenFile(folder, log);
  }
}

async function tightenFile(folder: string, entry: Dirent): Promise<void> {
  if (!entry.isFile()) return;
  try {
    await chmod(join(folder, entry.name), SECRET_MODE);
  } catch (error) {
    // Another starter's lock file may go away meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
