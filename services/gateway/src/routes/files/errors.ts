import { defineErrors, row } from '@tidemark/contracts';

export const fileRequestErrors = defineErrors('GATEWAY_FILE', {
  PATH: row<{ path: string; reason: string }>({
    status: 400,
    message: (p) => `"${p.path.slice(0, 200)}" cannot be the path of a file: ${p.reason}`,
    hint: 'Use names separated by single slashes, at most 1,024 characters in all, such as photos/2026/cat.png.',
  }),
  BUCKET: row<{ bucket: string }>({
    status: 400,
    message: (p) => `"${p.bucket.slice(0, 100)}" cannot be the name of a bucket`,
    hint: 'Leave it out for your own bucket, or name a shared one: at most 63 of a-z, 0-9, ".", "_" and "-".',
  }),
  NOT_FOUND: row<{ file: string }>({
    status: 404,
    message: (p) => `no file ${p.file.slice(0, 200)} exists that you may see`,
    hint: 'List the files at GET /api/v1/files?prefix=…; a path of another bucket needs ?bucket=. A policy on tidemark.files may hide it.',
  }),
  NOT_DELETED: row<{ file: string }>({
    status: 404,
    message: (p) => `no file ${p.file.slice(0, 200)} exists that you may delete`,
    hint: 'List the files at GET /api/v1/files?prefix=…; a policy on tidemark.files may not let you delete it.',
  }),
  RANGE: row<{ range: string; size: number }>({
    status: 416,
    message: (p) => `the range "${p.range.slice(0, 100)}" is outside the file's ${p.size} bytes`,
    hint: 'Ask for a range within the size, which Content-Range states.',
  }),
  PRECONDITION: row<{ header: string }>({
    status: 412,
    message: (p) => `${p.header} does not match the file`,
    hint: 'Nothing was changed. HEAD returns the current ETag of the file.',
  }),
  WIDTH: row<{ given: string; widths: readonly number[] }>({
    status: 400,
    message: (p) => `there are no thumbnails of the width "${p.given.slice(0, 50)}"`,
    hint: (p) => `Use one of ${p.widths.join(', ')}. POST /api/v1/images/transform makes other sizes.`,
  }),
  UPLOADS_FULL: row<{ limit: number }>({
    status: 503,
    message: (p) => `${p.limit} uploads are running already`,
    hint: 'Try again after Retry-After; operators may raise FILES_UPLOADS_MAX.',
    retryAfter: 2,
  }),
  UPLOADS_BYTES: row<{ limit: number }>({
    status: 503,
    message: (p) => `unfinished uploads take ${p.limit} bytes already`,
    hint: 'Nothing was kept. Try again after Retry-After; operators may raise FILES_UPLOADS_MAX_BYTES.',
    retryAfter: 10,
  }),
  UPLOADS_SHARE: row<{ uploads: number; bytes: number }>({
    status: 503,
    message: (p) => `the server is busy with uploads; ${p.uploads} of them, with ${p.bytes} bytes, are yours`,
    hint: 'Finish those first, then try again. While over half of the limit is used, one identity may use an eighth of it.',
    retryAfter: 2,
  }),
  STALLED: row<{ ms: number }>({
    status: 408,
    message: (p) => `no byte of the upload arrived for ${p.ms} ms`,
    hint: 'Nothing was kept. Send the file again over a connection that does not stall.',
  }),
  SLOW: row<{ bytes: number; seconds: number; minimum: number }>({
    status: 408,
    message: (p) => `the upload sent ${p.bytes} bytes in ${p.seconds} s; the minimum is ${p.minimum} bytes a second`,
    hint: 'Nothing was kept. Send the file again over a faster connection; operators may lower FILES_MIN_BYTES_PER_S.',
  }),
  ABORTED: row<{ reason: string }>({
    status: 400,
    message: (p) => `the upload ended before it was complete: ${p.reason}`,
    hint: 'Nothing was kept. Send the whole file again.',
  }),
  FORM: row<{ reason: string }>({
    status: 400,
    message: (p) => `the upload is malformed: ${p.reason}`,
    hint: 'Send fields (path or prefix, bucket, owner, visibility, metadata) before the files, or the bytes alone by PUT /api/v1/files/<path>.',
  }),
  URL_EXPIRED: row<{ at: string }>({
    status: 403,
    message: (p) => `the URL expired at ${p.at}`,
    hint: 'Ask for a new one: POST /api/v1/files/<id>/sign.',
  }),
  URL_SECRET: row({
    status: 501,
    message: 'this server cannot sign URLs: JWT_SECRET is not set',
    hint: 'Set JWT_SECRET beside the key set; URLs are signed with a key derived from it. Download with a token meanwhile.',
  }),
  URL_INVALID: row({
    status: 403,
    message: 'the signature of the URL is invalid',
    hint: 'Use the URL exactly as POST /api/v1/files/<id>/sign returned it, or request a new one.',
  }),
  URL_TOO_LONG: row<{ maximum: number }>({
    status: 400,
    message: (p) => `the URL would have more than ${p.maximum} characters, because it contains the claims of the token`,
    hint: 'Sign it with a token that has fewer claims.',
  }),
  EXPIRES_IN: row<{ given: string; maximum: number }>({
    status: 400,
    message: (p) => `expiresIn is invalid: ${p.given.slice(0, 50)}`,
    hint: (p) => `Send {"expiresIn": <seconds>}, a whole number from 1 to ${p.maximum}.`,
  }),
});
