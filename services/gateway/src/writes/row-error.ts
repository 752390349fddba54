import { PostgresError } from '@tidemark/db';

/**
 * Whether a statement failed because of its rows, so that other rows may succeed: Postgres reported an error, so nothing of the
 * statement was written. False where the server was stopping (57P: a COMMIT may have gone through), out of resources (53),
 * broken (58, XX), disconnected (08) or too slow (57014).
 */
export function isRowError(error: unknown): boolean {
  if (!(error instanceof PostgresError) || error.code === '57014') return false;
  return !/^(08|53|57P|58|XX)/.test(error.code);
}

export const isLockTimeout = (error: unknown) => error instanceof PostgresError && error.code === '55P03';
