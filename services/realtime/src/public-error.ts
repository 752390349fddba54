/**
 * What a client is told of an error that came from Postgres, NATS or the code. Postgres's words may hold values of rows that the
 * client may not see (`invalid input syntax for type integer: "…"` out of a policy) or names of tables that it may not see; a lost
 * connection's hold addresses. The log has all of them.
 */
import { TidemarkError } from '@tidemark/contracts';
import { PostgresError } from '@tidemark/db';
import { errors } from './errors.ts';
import { isLocked, isRefusal } from './is-refusal.ts';

/** @param failed the table whose rows were read, or whose policies were asked; undefined elsewhere */
export function publicError(error: Error, failed?: { table: string; what: 'rows' | 'policies' }): TidemarkError {
  if (error instanceof PostgresError) {
    if (isLocked(error)) return errors.TABLE_LOCKED(undefined, { cause: error });
    const reason = `SQLSTATE ${error.code}`;
    if (failed && isRefusal(error)) {
      const told = failed.what === 'rows' ? errors.ROWS_FAILED : errors.POLICY_FAILED;
      return told({ table: failed.table, reason }, { cause: error });
    }
    return withMessage(error, `Postgres refused the question (${reason})`);
  }
  if (error instanceof TidemarkError && /^(DB|BUS)_/.test(error.code)) {
    return withMessage(error, `the ${error.code.startsWith('DB_') ? 'database' : 'message broker'} did not answer`);
  }
  if (error instanceof TidemarkError) return error;
  return errors.INTERNAL(undefined, { cause: error });
}

/** Code and status stay, so that a client still knows whether to try again. */
function withMessage(error: TidemarkError, message: string): TidemarkError {
  const { code, status, retryAfter } = error;
  const hint = 'Try again; the log of the service has the reason.';
  return new TidemarkError(
    { code, status, message, hint, ...(retryAfter === undefined ? {} : { retryAfter }) },
    { cause: error },
  );
}
