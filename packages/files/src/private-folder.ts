/**
 * Row-level security does not protect the disk, so the folder is private to the user of the services. An existing one
 * is changed only if it contains nothing but the store's files: TIDEMARK_FILES_DIR may name a shared one such as
 * /tmp.
 */
import { chmod, mkdir, opendir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { asStoreError, isCode } from './fs-errors.ts';

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
const OTHERS = 0o077;
const STICKY = 0o1000;
/** The first level of the store: folders named by two digits of a hash, and the uploads in progress. */
const OWN_ENTRY = /^([0-9a-f]{2}|tmp)$/;

/** Makes the folder, or makes a folder of an earlier release private. The folder itself comes last, as a mark that all is done. */
export async function preparePrivateFolder(dir: string): Promise<void> {
  try {
    if ((await mkdir(dir, { recursive: true, mode: FOLDER_MODE })) !== undefined) return await chmod(dir, FOLDER_MODE);
    const { uid, mode } = await stat(dir);
    if (uid !== process.getuid?.() || (mode & OTHERS) === 0 || !(await belongsToStore(dir))) return;
    if ((await readdir(dir)).length === 0) return;
    await tighten(dir);
    await chmod(dir, FOLDER_MODE);
  } catch (error) {
    throw asStoreError(dir, error);
  }
}

export async function belongsToStore(dir: string): Promise<boolean> {
  if (((await stat(dir)).mode & STICKY) !== 0) return false;
  const entries = await readdir(dir, { withFileTypes: true });
  return entries.every((entry) => entry.isDirectory() && OWN_ENTRY.test(entry.name));
}

async function tighten(dir: string): Promise<void> {
  for await (const entry of await opendir(dir)) {
    const name = path.join(dir, entry.name);
    if (entry.isDirectory()) await tighten(name);
    else if (!entry.isFile()) continue;
    await chmod(name, entry.isDirectory() ? FOLDER_MODE : FILE_MODE).catch((error: unknown) => {
      // A temporary file of another process has been renamed or deleted.
      if (!isCode(error, 'ENOENT')) throw error;
    });
  }
}
