import type { Schema } from './column-schema.ts';

const text = { type: 'string' };
const query = (name: string, description: string, schema: Schema = text) => ({
  name,
  in: 'query',
  description,
  schema,
});
const header = (name: string, description: string, schema: Schema = text) => ({
  name,
  in: 'header',
  description,
  schema,
});

export const parameters: Readonly<Record<string, Schema>> = {
  select: query(
    'select',
    'Columns, `alias:column`, `column::type`, `json->path`, aggregates, and related tables: `id,author:users(name)`.',
  ),
  order: query('order', '`column.asc`, `column.desc.nullslast`, several separated by commas.'),
  limit: query('limit', 'Most rows.', { type: 'integer', minimum: 0 }),
  offset: query('offset', 'Rows to leave out first.', { type: 'integer', minimum: 0 }),
  after: query(
    'after',
    'Pages by key: empty for the first page, then the cursor of the `Link` header with `rel="next"`, which comes while there are more rows. With `order` and `limit`; the primary key is appended to the order. No offset, no order by embedded tables.',
  ),
  and: query('and', 'All of: `(a.eq.1,b.gt.2)`.'),
  or: query('or', 'Any of: `(a.eq.1,b.gt.2)`.'),
  tidemark: query('tidemark', 'Answer with at least this position, as a Tidemark header gave it.'),
  columns: query('columns', 'Take these columns of the body alone.'),
  onConflict: query('on_conflict', 'Columns of the unique constraint that an upsert goes by.'),
  Prefer: header(
    'Prefer',
    '`return=minimal|headers-only|representation`, `count=exact|planned|estimated`, `resolution=merge-duplicates|ignore-duplicates`, `missing=default`, `handling=strict|lenient`, `max-affected=n`, `tx=rollback`; `export=stream` (all rows, streamed), `export=status-line` (the same as NDJSON with a last line that tells how it ended), `filename="name.csv"` (of an export).',
  ),
  Range: header('Range', 'Rows, such as `0-9`; with Range-Unit: items.'),
  Tidemark: header('Tidemark', 'Answer with at least this position, as a Tidemark header gave it.'),
  IdempotencyKey: header(
    'Idempotency-Key',
    'A write that is sent again with the same key is answered, not done again.',
  ),
  Unfiltered: header('Tidemark-Unfiltered', '`allow`: every row is meant, though there is no filter.', {
    type: 'string',
    enum: ['allow'],
  }),
};

const problem = (description: string, headers?: Schema) => ({
  description,
  ...(headers ? { headers } : {}),
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

export const responses: Readonly<Record<string, Schema>> = {
  Refused: problem('Refused: `code` says why, `hint` what to do about it.'),
  Overloaded: problem('Not now: try again after Retry-After.', {
    'Retry-After': { description: 'seconds', schema: { type: 'integer' } },
  }),
};

export const problemSchema: Schema = {
  type: 'object',
  description: 'An error: RFC 9457, with the fields of PostgREST.',
  required: ['type', 'title', 'status', 'code', 'message'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'code for programs to branch on' },
    message: { type: 'string', description: 'what happened, with the received value' },
    details: { type: ['string', 'array', 'null'] },
    hint: { type: ['string', 'null'], description: 'what to do about it' },
  },
};

export const tidemarkHeader: Schema = {
  Tidemark: { description: 'The position in the WAL that the answer reflects.', schema: { type: 'string' } },
};

export const securitySchemes: Readonly<Record<string, Schema>> = {
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Its `role` claim is a Postgres role.' },
  apikey: {
    type: 'apiKey',
    in: 'header',
    name: 'apikey',
    description: 'The same token, in the header of older clients.',
  },
};

export const refused: Schema = {
  '4XX': { $ref: '#/components/responses/Refused' },
  '503': { $ref: '#/components/responses/Overloaded' },
};

export const parameterRef = (name: string): Schema => ({ $ref: `#/components/parameters/${name}` });
export const schemaRef = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

export const anyOf = (schemas: readonly Schema[]): Schema => (schemas.length === 1 ? schemas[0]! : { anyOf: schemas });

export const jsonContent = (schema: Schema): Schema => ({ 'application/json': { schema } });
