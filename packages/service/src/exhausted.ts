/** Errors that say that a resource of the system is used up: they pass, and the state of the process is sound. */

/** Descriptors of the process and of the system, space and quota on the disk, buffers of the kernel. */
const CODES = new Set(['EMFILE', 'ENFILE', 'ENOSPC', 'EDQUOT', 'ENOBUFS']);

export function isExhausted(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && CODES.has(String((error as NodeJS.ErrnoException).code));
}
