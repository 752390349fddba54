import { defineErrors, row, TidemarkError } from '@tidemark/contracts';

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MB`;

export const errors = defineErrors('BATCH', {
  UNKNOWN_KIND: row<{ kind: string; known: readonly string[] }>({
    status: 400,
    message: (p) => `no job kind is called "${p.kind}"`,
    hint: (p) => `Use one of: ${p.known.join(', ')}.`,
  }),
  INVALID_SPEC: row<{ kind: string; problems: string[] }>({
    status: 400,
    message: (p) => `the spec is not valid: ${p.problems.join('; ')}`,
    hint: (p) => `tidemark.job_kinds has the JSON schema of the kind "${p.kind}" in spec_schema.`,
  }),
  INPUT_NOT_FOUND: row<{ missing: string[]; total: number }>({
    status: 404,
    message: (p) => `${p.missing.length} of ${p.total} input files do not exist, or the job's owner may not see them`,
    details: (p) => p.missing.slice(0, 10).join(', '),
    hint: 'List the files with the same token (GET /api/v1/files), and start a new job with ids from there.',
  }),
  TOO_MANY_ITEMS: row<{ limit: number }>({
    status: 400,
    message: (p) => `the job has more than ${p.limit} items`,
    hint: 'Start several jobs, such as one for each of several longer prefixes, or raise BATCH_MAX_ITEMS.',
  }),
  TIDEMARK: row<{ problem: string; remedy: string }>({
    status: 412,
    message: (p) => `the inputs cannot be read at the tidemark of the job: ${p.problem}`,
    hint: (p) => p.remedy || 'Start a new job with the Tidemark header of a later answer, or without one.',
  }),
  INVALID_INPUT: row<{ problem: string }>({
    status: 422,
    message: (p) => `the kind's source made an input that cannot be stored: ${p.problem}`,
    hint: 'Mend the kind: an input is JSON that Postgres can store.',
  }),
  QUERY_REFUSED: row<{ code: string; reason: string; hint: string | null }>({
    status: 400,
    message: (p) => `the query was refused with ${p.code}: ${p.reason}`,
    hint: (p) => p.hint ?? 'Try the query at /rest/v1/ with the same token.',
  }),
  HTTP_REFUSED: row<{ code: string; reason: string; hint: string | null }>({
    status: 403,
    message: (p) => `the call was refused with ${p.code}: ${p.reason}`,
    hint: (p) => p.hint ?? 'Mend the request of the job.',
  }),
  INVALID_SECRETS: row({
    status: 500,
    message: 'BATCH_HTTP_SECRETS is not valid',
    hint: 'It is JSON: {"NAME": {"host": "api.example.com", "value": "…"}}.',
  }),
  ARCHIVE_FULL: row<{ limit: number }>({
    status: 413,
    message: (p) => `the archive would have more than ${p.limit} files`,
    hint: 'Make several archives, such as one for each of several longer prefixes.',
  }),
  QUERY_PAGED: row<{ parameter: string }>({
    status: 400,
    message: (p) => `the query of a job’s items has "${p.parameter}", which it may not have`,
    hint: 'Leave it out: the rows are read in the order of their primary key, a page at a time.',
  }),
  QUERY_WITHOUT_COLUMN: row<{ column: string }>({
    status: 400,
    message: (p) => `the rows of the query have no column "${p.column}"`,
    hint: 'Name a column of the table that the query selects.',
  }),
  ROW_WITHOUT_FILE: row<{ column: string }>({
    status: 404,
    message: (p) => `a row of the query names no file in "${p.column}", or one that the job's owner may not see`,
    hint: (p) => `Add a filter to the query, such as ${p.column}=not.is.null.`,
  }),
  QUERY_WITHOUT_KEY: row<{ table: string }>({
    status: 400,
    message: (p) => `the rows of "${p.table}" have no primary key that is proven to be unique`,
    hint: 'Name a table with a primary key and no inheriting tables, or a view of one table that shows its primary key.',
  }),
  NO_AGGREGATE: row({
    status: 400,
    message: 'the query has no aggregate',
    hint: 'Select one, such as select=status,count(),total.sum(). The kind "export" writes the rows themselves.',
  }),
  REPORT_TOO_LARGE: row<{ limit: number }>({
    status: 413,
    message: (p) => `the report has more than the ${p.limit} bytes that fit into a value`,
    hint: 'Ask for a file instead, with "as": "file", or for fewer groups.',
  }),
  TEMPLATE: row<{ path: string; problem: string }>({
    status: 400,
    message: (p) => `the template cannot be used at ${p.path}: ${p.problem}`,
    hint: 'KINDS.md of services/batch says what a template may have, under corpus.generate.',
  }),
  RECORDS_REFUSED: row<{ count: number; of: number; reasons: { code: string; message: string; records: string }[] }>({
    status: 422,
    message: (p) =>
      `${p.count} of ${p.of} records were refused, and the others are written: ${p.reasons.map(({ code, message, records }) => `${records} (${code}: ${message})`).join('; ')}`,
    hint: 'The value of the item lists all of them. tidemark.retry_job tries these records again.',
  }),
  REPORT: row<{ section: number; problem: string }>({
    status: 400,
    message: (p) => `the section ${p.section + 1} of the report cannot be drawn: ${p.problem}`,
    hint: 'KINDS.md of services/batch says what a section may have, under report.pdf.',
  }),
  REPORT_ROWS: row<{ limit: number }>({
    status: 413,
    message: (p) => `the tables of the report have more than ${p.limit} rows`,
    hint: 'Filter or group them; the kind "export" writes all rows to a file.',
  }),
  REPORT_POINTS: row<{ limit: number }>({
    status: 413,
    message: (p) => `a chart of the report has more than ${p.limit} rows`,
    hint: 'Group them, such as by day: a page shows some 500 points.',
  }),
  REPORT_NUMBER: row<{ column: string; value: string }>({
    status: 422,
    message: (p) => `"${p.value}" of the column "${p.column}" is no number that a chart can show`,
    hint: 'Name columns of numbers in y.',
  }),
  REPORT_RIGHT_TO_LEFT: row<{ character: string; text: string }>({
    status: 422,
    message: (p) => `the text "${p.text}" has ${p.character}, which is written from right to left`,
    hint: 'Reports are laid out from left to right only. Leave the column out, or use the kind "export".',
  }),
  SCHEMA_HIDDEN: row<{ schema: string; schemas: readonly string[] }>({
    status: 406,
    message: (p) => `the schema "${p.schema}" is not exposed`,
    hint: (p) => `Use one of: ${p.schemas.join(', ')}; or add it to DB_SCHEMAS.`,
  }),
  ROLE_REFUSED: row<{ role: string; reason: string }>({
    status: 403,
    message: (p) => `the job may not run as the role "${p.role}": ${p.reason}`,
    hint: 'Start it as a role of JWT_ROLES that may select from tidemark.files and that the service user may SET ROLE to.',
  }),
  ITEMS_QUOTA: row<{ items: number; unfinished: number; limit: number }>({
    status: 429,
    message: (p) =>
      `the job has ${p.items} items, ${p.unfinished} of your others are not done, and ${p.limit} are allowed in all`,
    hint: 'Wait for other jobs to finish, or start a smaller one. The limit is unfinished_items in tidemark.job_limits.',
  }),
  PLANNING_FAILED: row({
    status: 500,
    message: 'the job could not be planned',
    hint: 'The batch service’s log has the reason, under the id of the job.',
  }),
  DEADLINE: row({
    status: 504,
    message: 'the deadline of the job passed before all of its items were done',
    hint: 'Start a new job with what is left, with a later deadline or none.',
  }),
  FINISH_FAILED: row({
    status: 500,
    message: 'the items are done, but what the kind does at the end of a job failed',
    hint: 'The batch service’s log has the reason, under the id of the job.',
  }),
  /** Never on a row: the other instance goes on with the job. */
  PAGE_TAKEN: row({
    status: 503,
    message: 'another instance has read this page of the job’s source',
    hint: 'Nothing is lost: that instance has planned the page.',
  }),
  ITEMS_FAILED: row<{ failed: number; total: number }>({
    status: 422,
    message: (p) => `${p.failed} of ${p.total} items failed`,
    hint: 'The first of them are listed under "items", each with its own remedy. Start a new job with those that you mended.',
  }),

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
  LANGUAGE_MISSING: row<{ missing: readonly string[]; installed: readonly string[] }>({
    status: 400,
    message: (p) => `no model is installed for the language ${p.missing.join(', ')}`,
    hint: (p) =>
      `Use some of: ${p.installed.join(', ')}; or install a package @tesseract.js-data/<language> beside batch and start it again.`,
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
  NO_MODEL_SERVER: row({
    status: 400,
    message: 'there is no model server, so that the spec may not have a model',
    hint: 'Leave "model" out for a threshold, or set SEGMENT_MODEL_URL in the environment of batch.',
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
  /** Never on a row: the chunk runs again. */
  WORKER_PROFILE: row<{ reason: string }>({
    status: 503,
    message: (p) => `the worker process took no profile: ${p.reason}`,
    hint: 'It may have been recycled. workers/info lists those that run.',
  }),
  WORKER_NOT_STARTED: row<{ how: string }>({
    status: 503,
    message: (p) => `a worker process ended at its start: ${p.how}`,
    hint: 'Start batch in a terminal: the output of the worker says what it could not load.',
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

  INVALID_KIND: row<{ url: string; problem: string }>({
    status: 500,
    message: (p) => `${p.url} is no kind of job: ${p.problem}`,
    hint: 'Mend the file, or take it out of BATCH_KINDS. The README of services/batch says what a kind looks like.',
  }),
  LEASES_ENDED: row<{ how: string }>({
    status: 500,
    message: (p) => `the thread that renews the leases of chunks has ended: ${p.how}`,
    hint: 'The process ends, and its chunks run again elsewhere. Report it with the log.',
  }),
  STORE_SLOW: row<{ ms: number }>({
    status: 503,
    message: (p) => `the file store did not do it within ${Math.round(p.ms)} ms`,
    hint: 'Check that the disk or the bucket answers and how fast; or raise BATCH_ITEM_TIMEOUT_MS, of which it gets a third for each file.',
  }),
  QUEUE_FULL: row<{ waiting: number }>({
    status: 503,
    message: (p) => `${p.waiting} items wait for a worker already`,
    hint: 'A mistake in the service: the runner must not take more chunks than it has room for.',
  }),
  STOPPING: row({
    status: 503,
    message: 'the service is stopping',
    hint: 'Another instance goes on with the chunk.',
  }),
});

/** Users may see such an error in the row of a job: its text has no hosts, folders, statements or stacks. */
export function isOwnError(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && error.code.startsWith('BATCH_');
}
