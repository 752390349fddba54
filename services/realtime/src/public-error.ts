/** Postgres's messages may hold values of hidden rows, names of hidden tables or addresses: only the log has them. */
import { TidemarkError } from '@tidemark/contracts';
import { PostgresError } from '@tidemark/db';
import { errors } from './errors.ts';
import { isLocked, isRefusal } from './is-refusal.ts';

/** @param failed the table whose rows or policies were being read, if any */
export function publicError(error: Error, failed?: { table: string; what: 'rows' | 'policies' }): TidemarkError {
  if (error instanceof PostgresError) {
    if (isLocked(error)) return errors.TABLE_LOCKED(undefined, { cause: error });
    const reason = `SQLSTATE ${error.code}`;
    if (failed && isRefusal(error)) {
      const told = failed.what === 'rows' ? errors.ROWS_FAILED : errors.POLICY_FAILED;
      return told({ table: failed.table, reason }, { cause: error });
    }
    return withMessage(error, `Postgres refused the statement (${reason})`);
  }
  if (error instanceof TidemarkError && /^(DB|BUS)_/.test(error.code)) {
    return withMessage(error, `the ${error.code.startsWith('DB_') ? 'database' : 'message broker'} did not answer`);
  }
  if (error instanceof TidemarkError) return error;
  return errors.INTERNAL(undefined, { cause: error });
}

/** Keeps code and status, which tell a client whether to try again. */
function withMessage(error: TidemarkError, message: string): TidemarkError {
  const { code, status, retryAfter } = error;
  const hint = 'Try again. The log of the service has the reason.';
  return new TidemarkError(
    { code, status, message, hint, ...(retryAfter === undefined ? {} : { retryAfter }) },
    { cause: error },
  );
}
