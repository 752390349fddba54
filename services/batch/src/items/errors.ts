/** The errors of a single item, with which the others of its job go on. */
import { defineErrors, row } from '@tidemark/contracts';

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MB`;

export const itemErrors = defineErrors('BATCH', {
  INPUT_HIDDEN: row<{ name: string }>({
    status: 404,
    message: (p) => `"${p.name}" was deleted, or hidden from the job's owner, before its turn came`,
    hint: 'List the files with the same token (GET /api/v1/files), and start a new job with those that are there.',
  }),
  NOT_AN_IMAGE: row<{ name: string }>({
    status: 415,
    message: (p) => `"${p.name}" is not a PNG, JPEG, WebP, AVIF or GIF image`,
    hint: 'Its first bytes decide, not its name. Convert it first.',
  }),
  IMAGE_TYPE: row<{ name: string; type: string }>({
    status: 415,
    message: (p) => `"${p.name}" is ${p.type}, which is not read`,
    hint: 'Convert it to PNG, JPEG, WebP, AVIF or GIF first.',
  }),
  EMPTY_FILE: row<{ name: string }>({
    status: 422,
    message: (p) => `"${p.name}" has no bytes`,
    hint: 'Upload the file again.',
  }),
  IMAGE_UNREADABLE: row<{ name: string; reason: string }>({
    status: 422,
    message: (p) => `"${p.name}" could not be read as an image: ${p.reason}`,
    hint: 'The file is cut short or damaged: upload it again.',
  }),
  TOO_MANY_PIXELS: row<{ name: string; pixels: number; limit: number }>({
    status: 413,
    message: (p) => `"${p.name}" has ${p.pixels} pixels, ${p.limit} are allowed`,
    hint: 'Send a smaller image, or raise BATCH_MAX_PIXELS.',
  }),
  IMAGE_TOO_LARGE: row<{ name: string; bytes: number; limit: number }>({
    status: 413,
    message: (p) => `"${p.name}" would take ${megabytes(p.bytes)} decoded, ${megabytes(p.limit)} are allowed`,
    hint: 'Send a smaller image or ask for a smaller result, or raise BATCH_MEMORY_MB.',
  }),
  AT_ONCE_LATE: row<{ ms: number }>({
    status: 503,
    message: (p) => `it was not done within ${p.ms} ms`,
    hint: 'Try again after Retry-After, or start a job, which may take longer.',
    retryAfter: 2,
  }),
  PDF_LOCKED: row<{ name: string }>({
    status: 422,
    message: (p) => `"${p.name}" is encrypted, and opens with a password only`,
    hint: 'Upload it without a password. One that is encrypted with an empty password is read.',
  }),
  PDF_DAMAGED: row<{ name: string; reason: string }>({
    status: 422,
    message: (p) => `"${p.name}" could not be read as a PDF: ${p.reason}`,
    hint: 'The file is cut short or damaged: upload it again.',
  }),
  PDF_PAGES: row<{ name: string; pages: number; limit: number }>({
    status: 413,
    message: (p) => `"${p.name}" has ${p.pages} pages, ${p.limit} are allowed`,
    hint: 'Divide the document.',
  }),
  PDF_NO_PAGE: row<{ name: string; page: number; pages: number }>({
    status: 404,
    message: (p) => `"${p.name}" has no page ${p.page}: it has ${p.pages}`,
    hint: 'Pages are counted from 1.',
  }),
  PDF_NOT_EXPANDED: row<{ name: string; pages: number }>({
    status: 503,
    message: (p) => `the ${p.pages} pages of "${p.name}" could not be counted when the job was planned`,
    hint: 'Nothing of the document was read. Start a new job for it: the instance was busy, or its file store slow.',
  }),
  OCR_FAILED: row<{ name: string }>({
    status: 422,
    message: (p) => `the text of "${p.name}" could not be read`,
    hint: 'The log of batch has the error. Try a smaller image, or one of better quality.',
  }),
  SEGMENTS_TOO_COMPLEX: row<{ name: string; part: 'objects' | 'polygons' | 'run lengths' }>({
    status: 422,
    message: (p) => `the ${p.part} of "${p.name}" are too many to be written down`,
    hint: 'Blur or shrink the image with image.transform first, raise minArea, or leave out geojson or coco.',
  }),
  RESULT_TOO_LARGE: row<{ name: string; bytes: number; limit: number }>({
    status: 413,
    message: (p) => `the result of "${p.name}" has ${p.bytes} bytes, and ${p.limit} are returned at once`,
    hint: 'Ask for a smaller one, or start a job: its results are files of any size.',
  }),
  INPUT_TOO_LARGE: row<{ name: string; limit: number }>({
    status: 413,
    message: (p) => `"${p.name}" is larger than ${megabytes(p.limit)}`,
    hint: 'Send a smaller file, or raise BATCH_MAX_INPUT_BYTES.',
  }),
  INPUT_GONE: row<{ name: string }>({
    status: 410,
    message: (p) => `the bytes of "${p.name}" are gone from the file store`,
    hint: 'Upload the file again. If many are gone: check that TIDEMARK_FILES_DIR, or the bucket and its prefix, are the same for every service.',
  }),
  NO_FILE: row<{ name: string }>({
    status: 500,
    message: (p) => `"${p.name}" has no file to read`,
    hint: 'The kind of the job reads a file, so its items must say input: "file".',
  }),
  TRANSFORM_FAILED: row<{ name: string; reason: string }>({
    status: 422,
    message: (p) => `"${p.name}" could not be transformed: ${p.reason}`,
    hint: 'Change the transform (size, format) so that it fits this image.',
  }),
  ITEM_TIMEOUT: row<{ name: string; ms: number }>({
    status: 504,
    message: (p) => `"${p.name}" was not done within ${p.ms} ms`,
    hint: 'Send a smaller image or a cheaper transform, or raise BATCH_ITEM_TIMEOUT_MS.',
  }),
  UNEXPECTED: row<{ name: string }>({
    status: 500,
    message: (p) => `"${p.name}" failed with an error that its kind does not foresee`,
    hint: 'The batch service’s log has the error and its stack, under the id of the job.',
  }),
  INVALID_RESULT: row<{ name: string; problem: string }>({
    status: 422,
    message: (p) => `the result of "${p.name}" cannot be stored: ${p.problem}`,
    hint: 'Mend the kind: a value is JSON of at most 64 KB that Postgres can store. What is larger belongs in a file.',
  }),
  ITEM_LOST: row<{ losses: number; how: string }>({
    status: 500,
    message: (p) => `the process that ran the item ended ${p.losses} times: ${p.how}`,
    hint: 'The item, or what it makes native code do, ends the process. See the log of batch at these times.',
  }),
});
