import { unlink } from 'node:fs/promises';
import { fileErrors } from './errors.ts';

export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

export async function unlinkIfThere(name: string): Promise<boolean> {
  try {
    await unlink(name);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** Translates errors of the file system to errors with a remedy; returns errors of callers and of this package unchanged. */
export function asStoreError(dir: string, error: unknown): unknown {
  if (isCode(error, 'ENOSPC', 'EDQUOT')) {
    return fileErrors.DISK_FULL({ code: codeOf(error) }, below(dir, error));
  }
  if (isCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EIO', 'EMFILE', 'ENFILE', 'ELOOP', 'EEXIST')) {
    return fileErrors.STORE_FAILED({ code: codeOf(error) }, below(dir, error));
  }
  return error;
}

const codeOf = (error: unknown) => String((error as NodeJS.ErrnoException).code);

/** The folder is in the cause, which is logged and not sent. */
const below = (dir: string, error: unknown): ErrorOptions => ({
  cause: new Error(`below ${dir}: ${(error as Error).message}`, { cause: error }),
});
