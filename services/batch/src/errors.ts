import { defineErrors, row, TidemarkError } from '@tidemark/contracts';
import { itemErrors } from './items/errors.ts';

const serviceErrors = defineErrors('BATCH', {
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
    message: (p) => `the query of a job’s items has "${p.parameter}", which is not allowed`,
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
  LANGUAGE_MISSING: row<{ missing: readonly string[]; installed: readonly string[] }>({
    status: 400,
    message: (p) => `no model is installed for the language ${p.missing.join(', ')}`,
    hint: (p) =>
      `Use some of: ${p.installed.join(', ')}; or install a package @tesseract.js-data/<language> beside batch and start it again.`,
  }),
  NO_MODEL_SERVER: row({
    status: 400,
    message: 'there is no model server, so that the spec may not have a model',
    hint: 'Leave "model" out for a threshold, or set SEGMENT_MODEL_URL in the environment of batch.',
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

export const errors = { ...serviceErrors, ...itemErrors };

/** Users may see such an error in the row of a job: its text has no hosts, folders, statements or stacks. */
export function isOwnError(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && error.code.startsWith('BATCH_');
}
