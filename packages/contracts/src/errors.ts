/** RFC 9457 problem details with PostgREST's `code`, `message`, `details` and `hint`. Callers branch on `code`. */
import { type Static, Type } from 'typebox';

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'URI reference that names the problem type' }),
    title: Type.String(),
    status: Type.Integer({ description: 'HTTP status' }),
    code: Type.String({
      description: 'stable, for callers to branch on: a code of Tidemark or PostgREST, or a SQLSTATE',
    }),
    message: Type.String(),
    details: Type.Union([Type.String(), Type.Null(), Type.Array(Type.Unknown())]),
    hint: Type.Union([Type.String(), Type.Null()], { description: 'what to do about it' }),
  },
  { $id: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof Problem>;

export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';

export interface ErrorFields {
  code: string;
  status: number;
  message: string;
  details?: string | null;
  hint?: string | null;
  /** Seconds until a retry makes sense; sent as Retry-After. */
  retryAfter?: number;
  /** The text for clients instead of `message` and `details` if those contain addresses or names of the operator. */
  publicMessage?: string;
  publicDetails?: string | null;
  /** Sent as `details` in place of the text, where PostgREST has a list. */
  detailsList?: readonly unknown[] | undefined;
  /** Further headers of the response, such as Content-Range of a 416. */
  headers?: ErrorHeaders;
  /** The reason phrase of HTTP/1.1, if it is not that of the status. */
  statusText?: string;
}

export type ErrorHeaders = Readonly<Record<string, string | string[]>>;

export class TidemarkError extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: string | null;
  readonly hint: string | null;
  readonly retryAfter: number | undefined;
  readonly publicMessage: string;
  readonly publicDetails: string | null;
  readonly detailsList: readonly unknown[] | undefined;
  readonly headers: ErrorHeaders | undefined;
  readonly statusText: string | undefined;

  constructor(fields: ErrorFields, options?: ErrorOptions) {
    super(fields.message, options);
    this.name = 'TidemarkError';
    this.code = fields.code;
    this.status = fields.status;
    this.details = fields.details ?? null;
    this.hint = fields.hint ?? null;
    this.retryAfter = fields.retryAfter;
    this.publicMessage = fields.publicMessage ?? this.message;
    this.publicDetails = fields.publicDetails === undefined ? this.details : fields.publicDetails;
    this.detailsList = fields.detailsList;
    this.headers = fields.headers;
    this.statusText = fields.statusText;
  }
}

/** The body for clients; logs contain more. `type` is a URN, since the documentation's address is the operator's. */
export function toProblem(error: TidemarkError): Problem {
  return {
    type: `urn:tidemark:error:${error.code}`,
    title: STATUS_TITLES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    message: error.publicMessage,
    details: error.detailsList ? [...error.detailsList] : error.publicDetails,
    hint: error.hint,
  };
}

const STATUS_TITLES: Record<number, string> = {
  300: 'Multiple Choices',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

type Text<P> = string | ((params: P) => string);

/** One row of a table of errors. `P` are the parameters of its texts. */
export interface ErrorRow<P> {
  status: number;
  message: Text<P>;
  details?: Text<P>;
  hint?: Text<P>;
  publicMessage?: Text<P>;
  publicDetails?: Text<P>;
  retryAfter?: number | ((params: P) => number);
  headers?: (params: P) => ErrorHeaders;
  detailsList?: (params: P) => readonly unknown[] | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: each row has parameters of its own; `any` lets them differ in one table.
type Table = Record<string, ErrorRow<any>>;
type ParamsOf<R> = R extends ErrorRow<infer P> ? P : never;
type Thrower<R> =
  unknown extends ParamsOf<R>
    ? (params?: undefined, options?: ErrorOptions) => TidemarkError
    : (params: ParamsOf<R>, options?: ErrorOptions) => TidemarkError;

/** Declares the parameters of a row: `row<{ pool: string }>({ status: 503, message: (p) => `… ${p.pool}` })`. */
export function row<P = unknown>(definition: ErrorRow<P>): ErrorRow<P> {
  return definition;
}

/**
 * Turns a table of errors into constructors: `const errors = defineErrors('DB', { QUEUE_FULL: row<{…}>({…}) })`, then
 * `throw errors.QUEUE_FULL({ pool }, { cause })` throws an error with the code `DB_QUEUE_FULL`.
 */
export function defineErrors<T extends Table>(prefix: string, table: T): { readonly [K in keyof T]: Thrower<T[K]> } {
  const constructors: Record<string, (params: unknown, options?: ErrorOptions) => TidemarkError> = {};
  for (const [name, definition] of Object.entries(table)) {
    const code = prefix ? `${prefix}_${name}` : name;
    constructors[name] = (params, options) => {
      const text = (value: Text<unknown> | undefined) => (typeof value === 'function' ? value(params) : value);
      const { retryAfter } = definition;
      const publicMessage = text(definition.publicMessage);
      const publicDetails = text(definition.publicDetails);
      return new TidemarkError(
        {
          code,
          status: definition.status,
          message: text(definition.message) ?? code,
          details: text(definition.details) ?? null,
          hint: text(definition.hint) ?? null,
          retryAfter: typeof retryAfter === 'function' ? retryAfter(params) : retryAfter,
          detailsList: definition.detailsList?.(params),
          ...(definition.headers === undefined ? {} : { headers: definition.headers(params) }),
          ...(publicMessage === undefined ? {} : { publicMessage }),
          ...(publicDetails === undefined ? {} : { publicDetails }),
        },
        options,
      );
    };
  }
  return Object.freeze(constructors) as unknown as { readonly [K in keyof T]: Thrower<T[K]> };
}
