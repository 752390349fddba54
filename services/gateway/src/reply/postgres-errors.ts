/** Translates errors of Postgres: the SQLSTATE decides the status, and a function may choose one with `PTxyz`. */

import { TidemarkError } from '@tidemark/contracts';
import { errors as dbErrors, PostgresError } from '@tidemark/db';
import { BAD_HEADERS, BAD_STATUS, LONG_ANSWER, RETYPED } from '@tidemark/plan';
import { errors, postgrest } from '../errors.ts';
import { postgresHint } from './postgres-hints.ts';
import { raisedError } from './raised-error.ts';

const NAMES_NEAR = /^(Perhaps you meant|There (is|are) )/;

/** The message of the cast that fails for a body that is too long (@tidemark/plan, sql/body.ts). */
const LONG = new RegExp(`"${LONG_ANSWER}(\\d+)>(\\d+)"`);

/** disk_full. Its message names a file of the server, so it is replaced. */
const DISK_FULL = '53100';
/** Seconds. An operator has to free space. */
const DISK_FULL_RETRY_AFTER = 10;

const CHOSEN_STATUS = /^PT([2-5]\d\d)$/;

export function translatePostgresError(error: Error, authenticated: boolean): TidemarkError | undefined {
  if (!(error instanceof PostgresError)) return undefined;
  if (error.code === 'PGRST') return raisedError(error);
  const long = LONG.exec(error.message);
  if (error.code === '22P02' && long !== null) {
    return dbErrors.ANSWER_BYTES({ bytes: Number(long[1]), maximum: Number(long[2]) }, { cause: error });
  }
  if (isRetyped(error)) return errors.SCHEMA_CHANGED(undefined, { cause: error });
  if (error.code === '22P02') {
    if (error.message.includes(`"${BAD_HEADERS}`)) return postgrest.PGRST111(undefined, { cause: error });
    if (error.message.includes(`"${BAD_STATUS}`)) return postgrest.PGRST112(undefined, { cause: error });
  }
  const chosen = CHOSEN_STATUS.exec(error.code);
  const status = chosen ? Number(chosen[1]) : statusFor(error, authenticated);
  if (error.code === DISK_FULL) return diskFull(error, authenticated);
  const own = error.hint !== null && !NAMES_NEAR.test(error.hint) ? error.hint : null;
  const hint = own ?? postgresHint(error.code, error.message, authenticated);
  return new TidemarkError(
    {
      code: error.code,
      status,
      message: error.message,
      details: error.details,
      publicMessage: error.publicMessage,
      publicDetails: error.publicDetails,
      hint,
      ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
    },
    { cause: error },
  );
}

/** A column has another type than the statement was planned with, so nothing was written. */
export function isRetyped(error: unknown): boolean {
  return error instanceof PostgresError && error.code === '22P02' && error.message.includes(`"${RETYPED}`);
}

function diskFull(error: PostgresError, authenticated: boolean): TidemarkError {
  return new TidemarkError(
    {
      code: DISK_FULL,
      status: 507,
      message: 'Postgres has no disk space left',
      hint: postgresHint(DISK_FULL, error.message, authenticated),
      retryAfter: DISK_FULL_RETRY_AFTER,
    },
    { cause: error },
  );
}

/** Without a token, a missing right is 401, since a token may give it. As in PostgREST, some messages decide, too. */
function statusFor(error: PostgresError, authenticated: boolean): number {
  const { code, message } = error;
  // A request wrote a row twice, or lacks a filter; any other cardinality is a fault of a function or view.
  if (code === '21000') return /requires a WHERE clause$|affect row a second time$/.test(message) ? 400 : 500;
  if (code === '22023' && /^role .* does not exist$/.test(message)) return 401;
  if (code.startsWith('PT')) return 500;
  return error.code === '42501' && !authenticated ? 401 : error.status;
}
