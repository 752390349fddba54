/** Runs one read under an identity: on a pipeline when its statement is known to be short, else on an exclusive connection. */

import { isStalePlan, PostgresError } from '../connection/postgres-error.ts';
import { type PipelinedRead, SKIPPED } from '../pipeline/pipelined-read.ts';
import type { ConnectionPool } from '../pool/pool.ts';
import type { QueryOptions, Rows } from '../types.ts';
import { XMIN } from './identity-statement.ts';
import { type IdentityTransaction, runIdentityTransaction } from './identity-transaction.ts';

export interface IdentityRead {
  rows: Rows;
  /** The xmin of a snapshot that is not newer than the statement's; empty unless `wantsXmin`. */
  xmin: string;
}

export function runIdentityRead(
  pool: ConnectionPool,
  transaction: IdentityTransaction,
  options: QueryOptions,
  wantsXmin: boolean,
): Promise<IdentityRead> {
  const statement = transaction.statements[0]!;
  const stats = pool.statements.of(statement.text);
  // Other reads wait behind this one on a pipeline, which has no place for a reset or a first statement.
  const isAlone = options.resetAfter || transaction.identity.before !== undefined;
  if (!statement.prepare || isAlone || !stats.isPipelined(performance.now()))
    return readAlone(pool, transaction, options, wantsXmin);
  const { identity } = transaction;
  const timeoutMs = pool.statementLimit(identity.role, options.timeoutMs);
  return new Promise((resolve, reject) => {
    const send = (sessionSafe: boolean) => {
      const { text, params } = statement;
      const request = { identity, text, params, wantsXmin, sessionSafe, client: options.client };
      if (pool.pipelines.send(request, options.holder, timeoutMs, onDone)) return;
      readAlone(pool, transaction, options, wantsXmin).then(resolve, reject);
    };
    const onDone = (read: PipelinedRead) => {
      const { error } = read;
      if (error === undefined) {
        const at = performance.now();
        const waitMs = read.startedAt - read.sentAt;
        const ms = at - read.startedAt;
        stats.record({ where: 'pipelined', waitMs, ms, rows: read.rows, at, holder: options.holder });
        options.timing?.(pool.name, waitMs, ms);
        options.client?.spent?.(ms, false);
        resolve(read);
        return;
      }
      if (error === SKIPPED) {
        send(false);
        return;
      }
      if (isCutOff(error)) stats.cutOff(performance.now());
      else if (!isStalePlan(error)) {
        const ms = performance.now() - read.sentAt;
        stats.recordError(0, ms, options.holder);
        options.timing?.(pool.name, 0, ms, true);
        reject(error);
        return;
      }
      // The transaction was rolled back, so it runs again where the statement delays no other.
      readAlone(pool, transaction, options, wantsXmin).then(resolve, reject);
    };
    send(statement.sessionSafe === true && stats.sharesTransaction);
  });
}

async function readAlone(
  pool: ConnectionPool,
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
    const at = performance.now();
    stats.record({ where: 'alone', waitMs, ms: at - began - waitMs, rows, at, holder: options.holder });
    return { rows, xmin: wantsXmin ? first.xmin : '' };
  } catch (error) {
    stats.recordError(0, performance.now() - began, options.holder);
    throw error;
  }
}

/** 57014 query_canceled, by the pipeline's statement_timeout. */
function isCutOff(error: unknown): boolean {
  return error instanceof PostgresError && error.code === '57014';
}
