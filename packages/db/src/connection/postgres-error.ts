/** The one file that reads the driver's errors. */
import { TidemarkError } from '@tidemark/contracts';

/** An error that Postgres reported. `code` is the SQLSTATE; `cause` is the driver's error. */
export class PostgresError extends TidemarkError {
  readonly severity: string | undefined;
  readonly schema: string | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly constraint: string | undefined;
  readonly dataType: string | undefined;
  readonly where: string | undefined;
  readonly position: number | undefined;
  /** The statement may have been prepared for another schema. It is prepared anew at its next run. */
  readonly stalePlan: boolean;
  /** A function raised the error by RAISE, so its code says nothing about the server. */
  readonly raised: boolean;

  constructor(source: DriverError) {
    super(
      {
        code: source.code,
        status: statusOf(source.code),
        message: source.message,
        details: source.detail ?? null,
        hint: source.hint ?? null,
        ...(isOverload(source.code) && { retryAfter: 1 }),
        ...(isFatal(source) && { publicMessage: 'Postgres refused or ended the connection', publicDetails: null }),
      },
      { cause: source },
    );
    this.name = 'PostgresError';
    this.severity = source.severity;
    this.schema = source.schema_name;
    this.table = source.table_name;
    this.column = source.column_name;
    this.constraint = source.constraint_name;
    this.dataType = source['data type_name'];
    this.where = source.where;
    this.position = source.position === undefined ? undefined : Number(source.position);
    this.raised = source.routine === 'exec_stmt_raise';
    this.stalePlan = isStale(source);
  }
}

/** The ErrorResponse as postgres 3.4.9 reads it (its connection.js, `errorFields`), with two members of our patch. */
interface DriverError extends Error {
  code: string;
  severity?: string;
  detail?: string;
  hint?: string;
  position?: string;
  where?: string;
  schema_name?: string;
  table_name?: string;
  column_name?: string;
  'data type_name'?: string;
  constraint_name?: string;
  routine?: string;
  reused?: boolean;
  bound?: boolean;
}

function isDriverError(error: unknown): error is DriverError {
  return error instanceof Error && error.name === 'PostgresError' && 'severity_local' in error;
}

/** Undefined when the error is not an answer of the server: then the connection is at fault. */
export function fromDriver(error: unknown): PostgresError | undefined {
  return isDriverError(error) ? new PostgresError(error) : undefined;
}

/** Reads an ErrorResponse that the driver did not see: pairs of a letter and a text, each ended by a zero byte. */
export function fromErrorResponse(body: Buffer, phase: Pick<DriverError, 'reused' | 'bound'> = {}): PostgresError {
  const fields: Record<string, string> = {};
  for (const field of body.toString('utf8').split('\0')) {
    const name = FIELD_NAMES[field[0] ?? ''];
    if (name !== undefined) fields[name] = field.slice(1);
  }
  const { message = '', code = 'XX000', ...rest } = fields;
  return new PostgresError(Object.assign(new Error(message), { code, ...rest, ...phase }) as DriverError);
}

/**
 * Until BindComplete, Postgres reads parameters as values of the types that they had at the preparation, and looks up
 * operators, functions and casts for these (`exec_bind_message`, `RevalidateCachedQuery`): a type that was dropped is
 * XX000, an `int` that has become `bigint` 22003. Afterwards, only an internal error tells of a changed schema.
 */
function isStale({ reused, bound, code, routine }: DriverError): boolean {
  if (reused !== true || code === '42501') return false;
  if (code === 'XX000') return routine !== 'exec_stmt_raise';
  return bound !== true && (STALE_CODES.has(code) || STALE_CLASSES.has(code.slice(0, 2)));
}

/** feature_not_supported ("cached plan must not change result type") and invalid_sql_statement_name (it was deallocated). */
const STALE_CODES = new Set(['0A000', '26000']);
/** Data exceptions, constraints of domains, errors of parse analysis. */
const STALE_CLASSES = new Set(['22', '23', '42']);

/** Postgres's documentation, "Error and Notice Message Fields", under the driver's names. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  V: 'severity',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  P: 'position',
  W: 'where',
  s: 'schema_name',
  t: 'table_name',
  c: 'column_name',
  d: 'data type_name',
  n: 'constraint_name',
  R: 'routine',
};

const isFatal = ({ severity }: DriverError) => severity === 'FATAL' || severity === 'PANIC';

export function isStalePlan(error: unknown): boolean {
  return error instanceof PostgresError && error.stalePlan;
}

/** SQLSTATEs that waiting does not heal: a wrong password, database or start-up setting. */
export function isPermanentConnectError(error: unknown): boolean {
  if (!(error instanceof PostgresError)) return false;
  return error.code.startsWith('28') || error.code === '3D000' || error.code === '22023' || error.code === '42704';
}

const isOverload = (code: string) => code.startsWith('53') || code.startsWith('57P') || code.startsWith('08');

/** HTTP status by SQLSTATE: PostgREST's table (its "Errors" page), which clients of its grammar expect. */
function statusOf(code: string): number {
  const exact = STATUS_BY_CODE[code];
  if (exact !== undefined) return exact;
  return STATUS_BY_CLASS[code.slice(0, 2)] ?? 400;
}

const STATUS_BY_CODE: Record<string, number> = {
  '21000': 400,
  '22023': 400,
  '23503': 409,
  '23505': 409,
  '25006': 405,
  '42501': 403,
  '42883': 404,
  '42P01': 404,
  '42P17': 500,
  '53400': 500,
  '57014': 504,
  P0001: 400,
};

const STATUS_BY_CLASS: Record<string, number> = {
  '08': 503,
  '09': 500,
  '0L': 403,
  '0P': 403,
  '25': 500,
  '28': 403,
  '2D': 500,
  '38': 500,
  '39': 500,
  '3B': 500,
  '40': 500,
  '53': 503,
  '54': 500,
  '55': 500,
  '57': 503,
  '58': 500,
  F0: 500,
  HV: 500,
  P0: 500,
  XX: 500,
};
