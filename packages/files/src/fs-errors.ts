import { unlink } from 'node:fs/promises';
import { fileErrors } from './errors.ts';

export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** True when there was a file to delete. */
export async function unlinkIfThere(name: string): Promise<boolean> {
  try {
    await unlink(name);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** Names the remedy for what the file system said; leaves the errors of callers and of this package as they are. */
export function asStoreError(dir: string, error: unknown): unknown {
  if (isCode(error, 'ENOSPC', 'EDQUOT')) {
    return fileErrors.DISK_FULL({ dir, code: String((error as NodeJS.ErrnoException).code) }, { cause: error });
  }
  if (isCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EIO', 'EMFILE', 'ENFILE', 'ELOOP', 'EEXIST')) {
    return fileErrors.STORE_FAILED({ dir, reason: (error as Error).message }, { cause: error });
  }
  return error;
}
