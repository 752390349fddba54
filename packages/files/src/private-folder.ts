/** The file store's folder is for the user of the services alone: row-level security ends where somebody can read the disk. */
import { chmod, mkdir, opendir, stat } from 'node:fs/promises';
import path from 'node:path';
import { asStoreError, isCode } from './fs-errors.ts';

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
/** Rights of the group and of everybody else. */
const OTHERS = 0o077;

/**
 * Makes the folder, or takes others' rights from all that is in it. The folder itself comes last: while it has rights for others,
 * this was not finished. A folder of another user (a mounted volume) stays as its administrator set it up.
 */
export async function preparePrivateFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: FOLDER_MODE });
    const { uid, mode } = await stat(dir);
    if (uid !== process.getuid?.() || (mode & OTHERS) === 0) return;
    await tighten(dir);
    await chmod(dir, FOLDER_MODE);
  } catch (error) {
    throw asStoreError(dir, error);
  }
}

async function tighten(dir: string): Promise<void> {
  for await (const entry of await opendir(dir)) {
    const name = path.join(dir, entry.name);
    if (entry.isDirectory()) await tighten(name);
    else if (!entry.isFile()) continue;
    await chmod(name, entry.isDirectory() ? FOLDER_MODE : FILE_MODE).catch((error: unknown) => {
      // A temporary file of another process got its final name, or was deleted.
      if (!isCode(error, 'ENOENT')) throw error;
    });
  }
}
