/** PGRST codes and their wording are PostgREST's (its "Errors" page), so that its clients can branch on them. */
import { defineErrors, row } from '@tidemark/contracts';
import { planErrors } from '@tidemark/plan';
import { idempotencyErrors } from './writes/idempotency/errors.ts';

export const postgrest = {
  ...planErrors.postgrest,
  ...defineErrors('', {
    PGRST101: row<{ method: string }>({
      status: 405,
      message: (p) => `Cannot use the ${p.method} method on RPC`,
      hint: 'Call functions by POST, or by GET or HEAD where they only read.',
    }),
    PGRST105: row<{ reason: string }>({
      status: 405,
      message: (p) => p.reason,
      hint: 'PUT writes exactly one row: filter every primary key column by eq, and use no limit, offset or other filter.',
    }),
    PGRST106: row<{ schema: string; schemas: readonly string[] }>({
      status: 406,
      message: (p) => `Invalid schema: ${p.schema.slice(0, 63)}`,
      hint: (p) => `Only the following schemas are exposed: ${p.schemas.join(', ')}`,
    }),
    PGRST111: row({
      status: 500,
      message: 'response.headers guc must be a JSON array composed of objects with a single key and a string value',
      hint: 'Correct the set_config(‘response.headers’, …) of the function or trigger.',
    }),
    PGRST112: row({
      status: 500,
      message: 'response.status guc must be a valid status code',
      hint: 'Correct the set_config(‘response.status’, …) of the function or trigger.',
    }),
    PGRST114: row({
      status: 400,
      message: 'limit/offset querystring parameters are not allowed for PUT',
      hint: 'PUT writes exactly one row: filter every primary key column by eq.',
    }),
    PGRST115: row({
      status: 400,
      message: 'Payload values do not match URL in primary key column(s)',
      hint: 'Send the same primary key in the body as in the filter.',
    }),
    PGRST116: row<{ rows: number }>({
      status: 406,
      message: 'Cannot coerce the result to a single JSON object',
      details: (p) => `The result contains ${p.rows} rows`,
      hint: 'Filter by a unique column, or ask for application/json.',
    }),
    PGRST126: row({
      status: 404,
      message: 'Root endpoint metadata is disabled',
      hint: 'Operators may set OPENAPI_MODE=follow-privileges.',
    }),
    PGRST128: row<{ name: string }>({
      status: 400,
      message: 'Function must return SETOF or TABLE when max-affected preference is used with handling=strict',
      details: (p) => `The function ${p.name} returns one value`,
      hint: 'Nothing was called. Leave max-affected out, or declare the function to return a set.',
    }),
    PGRST117: row<{ method: string }>({
      status: 405,
      message: (p) => `Unsupported HTTP method: ${p.method}`,
      hint: 'OPTIONS of the address names the methods in Allow.',
    }),
    PGRST121: row<{ reason: string; hint: string }>({
      status: 500,
      message: 'Could not parse JSON in the "RAISE SQLSTATE \'PGRST\'" error',
      details: (p) => p.reason,
      hint: (p) => p.hint,
    }),
    PGRST125: row({
      status: 404,
      message: 'Invalid path specified in request URL',
      hint: 'Tables are at /rest/v1/<table>, functions at /rest/v1/rpc/<function>.',
    }),
    PGRST124: row<{ affected: number; maximum: number }>({
      status: 400,
      message: 'Query result exceeds max-affected preference constraint',
      details: (p) => `The query affects ${p.affected} rows`,
      hint: (p) => `Filter more narrowly, or raise max-affected above ${p.maximum}. Nothing was changed.`,
    }),
  }),
};

export const errors = {
  ...planErrors.gateway,
  ...idempotencyErrors,
  ...defineErrors('GATEWAY', {
    UNFILTERED: row<{ method: string; relation: string }>({
      status: 400,
      message: (p) => `${p.method} without a filter would affect every row of ${p.relation}`,
      hint: 'Add a filter. To affect every row, send the header Tidemark-Unfiltered: allow.',
    }),
    SCHEMA_CHANGED: row({
      status: 503,
      message: 'a column of the table was given another type while the write was planned',
      hint: 'Nothing was changed. Try again after Retry-After.',
      retryAfter: 1,
    }),
    WRITE_PAGE: row<{ method: string }>({
      status: 400,
      message: (p) =>
        `${p.method} cannot be limited to a part of the rows: limit, offset and after apply to reads only`,
      hint: 'Nothing was changed. Read the primary keys of the rows with limit and order, and filter by them: id=in.(1,2).',
    }),
    PATCH_ROWS: row<{ rows: number }>({
      status: 400,
      message: (p) => `the body of PATCH has ${p.rows} objects, and one sets the values of all rows`,
      hint: 'Nothing was changed. Send one object; to write several rows, POST with Prefer: resolution=merge-duplicates.',
    }),
    LINK_LENGTH: row<{ length: number; maximum: number }>({
      status: 400,
      message: (p) => `the address of the next page has ${p.length} characters; ${p.maximum} fit into the Link header`,
      hint: 'Shorten the lists in the filters, or page in the body of a function called by POST.',
    }),
    EXPORTS_BUSY: row<{ active: number }>({
      status: 503,
      message: (p) => `${p.active} exports are running already`,
      hint: 'Try again after Retry-After, or read pages: limit, order and after=.',
      retryAfter: 5,
    }),
    INSERTS_SHARE: row<{ waiting: number }>({
      status: 429,
      message: (p) => `${p.waiting} of your inserts are waiting already`,
      hint: 'Nothing was written. Try again after Retry-After, or send several rows in one request.',
      retryAfter: 1,
    }),
    INSERTS_WAITING: row<{ waiting: number }>({
      status: 503,
      message: (p) => `${p.waiting} inserts are waiting already`,
      hint: 'Nothing was written. Try again after Retry-After, or send several rows in one request.',
      retryAfter: 1,
    }),
    PRECONDITION_FAILED: row<{ header: string; current: string }>({
      status: 412,
      message: (p) => `${p.header} does not match: ${p.current}`,
      hint: 'Nothing was changed. GET the same URL (same filters, select and Accept), merge your change, and send the ETag.',
    }),
    PRECONDITION_METHOD: row<{ header: string; method: string }>({
      status: 400,
      message: (p) => `${p.header} cannot be used with ${p.method} here`,
      hint: 'POST accepts only If-None-Match: *. PATCH, PUT and DELETE accept the ETag of a GET of the same URL.',
    }),
    PER_ROW_LIMIT: row<{ rows: number; maximum: number }>({
      status: 400,
      message: (p) => `${p.rows} rows were sent with results=per-row; the maximum is ${p.maximum}`,
      hint: 'Send them in several requests, or without results=per-row, all or nothing.',
    }),
    PER_ROW_USE: row<{ reason: string }>({
      status: 400,
      message: (p) => `results=per-row cannot be used here: ${p.reason}`,
      hint: 'Use it with POST and Accept: application/json.',
    }),
    BODY_LIMIT: row<{ bytes: string; maximum: number }>({
      status: 413,
      message: (p) => `the body is longer than ${p.maximum} bytes: ${p.bytes}`,
      hint: 'Nothing was done. Send it in several requests; operators may raise BODY_LIMIT_BYTES.',
    }),
    BODY_UTF8: row({
      status: 400,
      message: 'the body is not valid UTF-8',
      hint: 'Nothing was done. Encode the text as UTF-8; send bytes as application/octet-stream to a function with one bytea argument.',
    }),
    BODY_CHARSET: row<{ charset: string }>({
      status: 415,
      message: (p) => `unsupported charset "${p.charset.slice(0, 40)}" of the body`,
      hint: 'Nothing was done. Send the body in UTF-8.',
    }),
    BODY_ENCODING: row<{ encoding: string }>({
      status: 415,
      message: (p) => `unsupported Content-Encoding "${p.encoding.slice(0, 40)}"`,
      hint: 'Nothing was done. Send the body without compression.',
    }),
    BODIES_READING: row<{ maximum: number }>({
      status: 503,
      message: (p) => `request bodies of ${p.maximum} bytes are being received already`,
      hint: 'Nothing was done. Try again after Retry-After, or send less at a time.',
      retryAfter: 1,
    }),
    BODY_CUT: row<{ bytes: number }>({
      status: 400,
      message: (p) => `the connection ended after ${p.bytes} bytes of the body`,
      hint: 'Nothing was done. Send the request again.',
    }),
    TRANSACTION_BODY: row<{ reason: string }>({
      status: 400,
      message: (p) => `the list of operations is malformed: ${p.reason}`,
      hint: 'Send {"operations":[{"method":"POST","path":"/rest/v1/table","body":{…},"prefer":"return=representation"}]}.',
    }),
    CACHE_WAIT: row<{ ms: number }>({
      status: 503,
      message: (p) => `an equal read has been running for ${p.ms} ms`,
      hint: 'Try again after Retry-After. If it stays slow, filter more narrowly or add an index.',
      retryAfter: 1,
    }),
    PLAN_DISABLED: row({
      status: 406,
      message: 'execution plans are disabled',
      hint: 'Operators may set DB_PLAN_ENABLED=true; a plan reveals parts of the schema and its data.',
    }),
    PLAN_ROLE: row<{ role: string }>({
      status: 403,
      message: (p) => `execution plans are not shown to the role "${p.role}"`,
      hint: 'Use a token of a role in DB_PLAN_ROLES, such as service_role.',
    }),
    PLAN_POLICY: row<{ role: string }>({
      status: 403,
      message: (p) => `a plan could reveal rows that are hidden from the role "${p.role}"`,
      hint: 'Use a role with BYPASSRLS, or run EXPLAIN in psql. Other roles see only plans of tables without a policy, or with the policy true, and none of views and functions.',
    }),
    ENCODING: row<{ asked: string }>({
      status: 406,
      message: (p) => `no content coding of "${p.asked.slice(0, 80)}" is available`,
      hint: 'Accept identity, gzip or br (zstd where this server’s Node has it).',
    }),
    JOB_INVALID: row<{ pointer: string; problem: string; hint: string }>({
      status: 422,
      message: (p) => `the job is not valid: ${p.pointer} ${p.problem}`,
      // A JSON pointer (RFC 6901) into the body.
      details: (p) => p.pointer,
      hint: (p) => p.hint,
    }),
    AT_ONCE_FULL: row<{ limit: number }>({
      status: 503,
      message: (p) => `${p.limit} requests wait for an image or a text already`,
      hint: 'Try again after Retry-After, or start a job.',
      retryAfter: 1,
    }),
    AT_ONCE_SHARE: row<{ running: number }>({
      status: 429,
      message: (p) => `${p.running} of your requests wait for an image or a text already`,
      hint: 'Try again after Retry-After, or start a job.',
      retryAfter: 1,
    }),
    AT_ONCE_BUSY: row({
      status: 503,
      message: 'all batch instances answer other requests',
      hint: 'Try again after Retry-After, or start a job. Operators may raise BATCH_AT_ONCE, or start more instances.',
      retryAfter: 1,
    }),
    MEDIA_INPUT: row<{ problem: string }>({
      status: 400,
      message: (p) => `the request names no input: ${p.problem}`,
      hint: 'Name a file by its id (?file=), or send the image as the body, with its Content-Type.',
    }),
    MEDIA_OPTIONS: row<{ problem: string; hint: string }>({
      status: 422,
      message: (p) => `the options are not valid: ${p.problem}`,
      hint: (p) => p.hint,
    }),
    JOB_NOT_FOUND: row<{ id: string }>({
      status: 404,
      message: (p) => `no job ${p.id} exists that you may see`,
      hint: 'List your jobs at /api/v1/jobs.',
    }),
    SCHEDULE_NOT_FOUND: row<{ id: string }>({
      status: 404,
      message: (p) => `no schedule ${p.id} exists that you may see`,
      hint: 'List your schedules at /api/v1/schedules.',
    }),
  }),
};
