/**
 * Makes the folder of the file store private to the user of the services, because row-level security does not protect the disk.
 * Everything that the store makes is private from the start. An existing folder is changed only if it contains nothing but files
 * of the store, because TIDEMARK_FILES_DIR may name a shared folder such as /tmp.
 */
import { chmod, mkdir, opendir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { asStoreError, isCode } from './fs-errors.ts';

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
/** Rights of the group and of everybody else. */
const OTHERS = 0o077;
const STICKY = 0o1000;
/** The first level of the store's layout: two digits of a hash, and the uploads in progress. */
const OWN_ENTRY = /^([0-9a-f]{2}|tmp)$/;

/** Makes the folder, or takes others' rights from what an earlier release made. The folder comes last: it marks the end. */
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

/** Whether nothing but a file store's own files is in the folder. */
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
      // A temporary file of another process got its final name, or was deleted.
      if (!isCode(error, 'ENOENT')) throw error;
    });
  }
}
