/** Whose fault a failed statement is. */
import { PostgresError } from '@tidemark/db';

/**
 * Whether the rows of the statement are at fault, so that others may do better: Postgres reported it, so nothing of the
 * statement was written. Not when the server was stopping (57P: a COMMIT may have gone through), short of something (53),
 * broken (58, XX), cut off (08) or too slow (57014).
 */
export function isRowError(error: unknown): boolean {
  if (!(error instanceof PostgresError) || error.code === '57014') return false;
  return !/^(08|53|57P|58|XX)/.test(error.code);
}

export const isLockTimeout = (error: unknown) => error instanceof PostgresError && error.code === '55P03';
