/** What Postgres reports, as an answer: its SQLSTATE decides the status, and a function may choose its own with `PTxyz`. */
import { TidemarkError } from '@tidemark/contracts';
import { PostgresError } from '@tidemark/db';

const CHOSEN_STATUS = /^PT([2-5]\d\d)$/;

export function translatePostgresError(error: Error, authenticated: boolean): TidemarkError | undefined {
  if (!(error instanceof PostgresError)) return undefined;
  const chosen = CHOSEN_STATUS.exec(error.code);
  const status = chosen ? Number(chosen[1]) : statusFor(error, authenticated);
  const hint = error.hint ?? hintFor(error, authenticated);
  return new TidemarkError(
    {
      code: error.code,
      status,
      message: error.message,
      details: error.details,
      hint,
      ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
    },
    { cause: error },
  );
}

/** Without a token, a missing right may be one that a token gives: 401 asks for it. */
function statusFor(error: PostgresError, authenticated: boolean): number {
  return error.code === '42501' && !authenticated ? 401 : error.status;
}

/** Postgres's own hints come first; these stand in where it has none. */
function hintFor(error: PostgresError, authenticated: boolean): string | null {
  switch (error.code) {
    case '42501':
      return authenticated
        ? 'Grant the right to the role of the token, or write a policy that lets the row through.'
        : 'Send Authorization: Bearer <JWT> of a role that has the right, or grant it to the anonymous role.';
    case '23505':
      return 'Such a row exists. Change the value, or upsert with Prefer: resolution=merge-duplicates.';
    case '23503':
      return 'Write the row that is referred to first, or remove those that refer to this one.';
    case '23502':
      return 'Send a value for the column.';
    case '23514':
      return 'The value breaks a CHECK constraint of the table.';
    case '22P02':
    case '22007':
    case '22008':
    case '22003':
      return 'Send a value that the column’s type can hold.';
    case '57014':
      return 'The statement ran into its time limit. Filter more narrowly, or add an index.';
    default:
      return null;
  }
}
