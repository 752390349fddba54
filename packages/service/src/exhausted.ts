/** Recognises errors that mean an exhausted resource of the system. They pass, and the state of the process stays valid. */

const CODES = new Set(['EMFILE', 'ENFILE', 'ENOSPC', 'EDQUOT', 'ENOBUFS']);

export function isExhausted(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && CODES.has(String((error as NodeJS.ErrnoException).code));
}
