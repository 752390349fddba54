/** One read under an identity: on an express lane when its statement is known to be short, else on an exclusive slot. */
import { type IdentityOutcome, type IdentityTransaction, runIdentityTransaction } from './identity-transaction.ts';
import type { SlotPool } from './pool.ts';
import { isStalePlan, PostgresError } from './postgres-error.ts';
import type { QueryOptions } from './types.ts';

export async function runIdentityRead(
  pool: SlotPool,
  transaction: IdentityTransaction,
  options: QueryOptions,
): Promise<IdentityOutcome> {
  const statement = transaction.statements[0]!;
  const stats = pool.statements.of(statement.text);
  const began = performance.now();
  if (statement.prepare && stats.ridesLane(began)) {
    const ride = pool.lanes.ride(transaction, options.timeoutMs ?? pool.options.statementTimeoutMs);
    if (ride !== undefined) {
      try {
        const { outcome, waitMs, ms } = await ride;
        stats.record('onLane', waitMs, ms, outcome.results[0]!.length, performance.now());
        return outcome;
      } catch (error) {
        if (isCutOff(error)) stats.cutOff(performance.now());
        // Both were rolled back, and reads: again, as a whole, where nobody is held up.
        else if (!isStalePlan(error)) {
          stats.recordError();
          throw error;
        }
      }
    }
  }
  try {
    const outcome = await runIdentityTransaction(pool, transaction, options);
    const { waitMs } = outcome;
    stats.record('alone', waitMs, performance.now() - began - waitMs, outcome.results[0]!.length, performance.now());
    return outcome;
  } catch (error) {
    stats.recordError();
    throw error;
  }
}

/** query_canceled: by the lane's statement_timeout. */
function isCutOff(error: unknown): boolean {
  return error instanceof PostgresError && error.code === '57014';
}
