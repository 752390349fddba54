/** One read under an identity: on an express lane when its statement is known to be short, else on an exclusive slot. */
import { XMIN } from './identity-statement.ts';
import { type IdentityTransaction, runIdentityTransaction } from './identity-transaction.ts';
import type { SlotPool } from '../pool/pool.ts';
import { isStalePlan, PostgresError } from '../connection/postgres-error.ts';
import { type Ride, SKIPPED } from '../pipeline/pipelined-read.ts';
import type { QueryOptions, Rows } from '../types.ts';

export interface IdentityRead {
  rows: Rows;
  /** Of a snapshot that is not newer than the statement's; empty unless `wantsXmin`. */
  xmin: string;
}

export function runIdentityRead(
  pool: SlotPool,
  transaction: IdentityTransaction,
  options: QueryOptions,
  wantsXmin: boolean,
): Promise<IdentityRead> {
  const statement = transaction.statements[0]!;
  const stats = pool.statements.of(statement.text);
  if (!statement.prepare || !stats.ridesLane(performance.now()))
    return readAlone(pool, transaction, options, wantsXmin);
  const { identity } = transaction;
  const timeoutMs = pool.statementLimit(identity.role, options.timeoutMs);
  return new Promise((resolve, reject) => {
    const depart = (inert: boolean) => {
      const { text, params } = statement;
      const ticket = { identity, text, params, wantsXmin, inert, client: options.client };
      if (pool.lanes.ride(ticket, options.holder, timeoutMs, onArrival)) return;
      readAlone(pool, transaction, options, wantsXmin).then(resolve, reject);
    };
    const onArrival = (ride: Ride) => {
      const { error } = ride;
      if (error === undefined) {
        const now = performance.now();
        stats.record('onLane', ride.startedAt - ride.sentAt, now - ride.startedAt, ride.rows, now, options.holder);
        options.timing?.(pool.name, ride.startedAt - ride.sentAt, now - ride.startedAt);
        options.client?.spent?.(now - ride.startedAt, false);
        resolve(ride);
        return;
      }
      if (error === SKIPPED) {
        depart(false);
        return;
      }
      if (isCutOff(error)) stats.cutOff(performance.now());
      else if (!isStalePlan(error)) {
        stats.recordError(0, performance.now() - ride.sentAt, options.holder);
        reject(error);
        return;
      }
      // Both were rolled back, and reads: again, as a whole, where nobody is held up.
      readAlone(pool, transaction, options, wantsXmin).then(resolve, reject);
    };
    depart(statement.inert === true && stats.sharesRide);
  });
}

async function readAlone(
  pool: SlotPool,
  transaction: IdentityTransaction,
  options: QueryOptions,
  wantsXmin: boolean,
): Promise<IdentityRead> {
  const stats = pool.statements.of(transaction.statements[0]!.text);
  const began = performance.now();
  try {
    const alone = wantsXmin ? { ...transaction, extra: XMIN } : transaction;
    const { results, first, waitMs } = await runIdentityTransaction(pool, alone, options);
    const rows = results[0]!;
    stats.record('alone', waitMs, performance.now() - began - waitMs, rows, performance.now(), options.holder);
    return { rows, xmin: wantsXmin ? first.xmin : '' };
  } catch (error) {
    stats.recordError(0, performance.now() - began, options.holder);
    throw error;
  }
}

/** query_canceled: by the lane's statement_timeout. */
function isCutOff(error: unknown): boolean {
  return error instanceof PostgresError && error.code === '57014';
}
