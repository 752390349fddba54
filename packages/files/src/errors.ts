import { defineErrors, row } from '@tidemark/contracts';

export const fileErrors = defineErrors('FILES', {
  NO_STORE: row<Record<string, never>>({
    status: 500,
    message: () => 'there is no place for files: neither TIDEMARK_FILES_DIR nor FILES_S3_BUCKET is set',
    hint: 'Set TIDEMARK_FILES_DIR to a folder, or FILES_S3_BUCKET to a bucket; the same for gateway and batch.',
  }),
  NOT_FOUND: row<{ key: string }>({
    status: 404,
    message: (p) => `no stored bytes have the key "${p.key.slice(0, 100)}"`,
    hint: 'The row of tidemark.files points at bytes that are gone: restore the files folder from the same backup as the database, or delete the row.',
  }),
  INVALID_KEY: row<{ key: string }>({
    status: 400,
    message: (p) => `"${p.key.slice(0, 100)}" is not a storage key`,
    hint: 'Use the storage_key of a row of tidemark.file_contents, unchanged, with the store that made it (a folder or a bucket).',
  }),
  INVALID_RANGE: row<{ start: number; end: number; size: number }>({
    status: 416,
    message: (p) => `bytes ${p.start}-${p.end} are outside the file's ${p.size} bytes`,
    hint: 'Ask for a range inside the size that HEAD reports.',
  }),
  TOO_LARGE: row<{ limitBytes: number }>({
    status: 413,
    message: (p) => `the file is larger than the limit of ${p.limitBytes} bytes`,
    hint: 'Send a smaller file, or raise the limit in the configuration of the service that takes it.',
  }),
  // Only the cause, which is logged, contains the place of the files.
  DISK_FULL: row<{ code: string }>({
    status: 507,
    message: (p) => `the file could not be stored: ${p.code}`,
    hint: 'Free space (or raise the quota) on the disk of TIDEMARK_FILES_DIR; nothing of the file was kept.',
    retryAfter: 30,
  }),
  STORE_FAILED: row<{ code: string }>({
    status: 500,
    message: (p) => `the file could not be stored: ${p.code}`,
    hint: 'Check that TIDEMARK_FILES_DIR exists, is a folder, and that the service may write to it.',
  }),
  S3_FAILED: row<{ name: string }>({
    status: 503,
    message: (p) => `the bucket did not do it: ${p.name.slice(0, 100)}`,
    hint: 'Check FILES_S3_ENDPOINT, the bucket, the region, the credentials and what they may do; nothing of the file was kept.',
    retryAfter: 5,
  }),
  TYPE_INVALID: row<{ type: string }>({
    status: 415,
    message: (p) => `"${p.type.slice(0, 100)}" is not a media type`,
    hint: 'Send a Content-Type such as image/png, or application/octet-stream to have it found out.',
  }),
  TYPE_MISMATCH: row<{ declared: string; found: string }>({
    status: 415,
    message: (p) => `the file is declared as ${p.declared}, but its first bytes are of ${p.found}`,
    hint: 'Send the Content-Type of what the file really is, or application/octet-stream to have it found out.',
  }),
  PATH_TAKEN: row<{ path: string }>({
    status: 409,
    message: (p) => `the path "${p.path.slice(0, 200)}" is taken in this bucket`,
    hint: 'Choose another path, or replace the file by PUT if it is yours.',
  }),
});
