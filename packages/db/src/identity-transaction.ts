/**
 * `BEGIN; role and claims; statements; COMMIT` in one go. What is sent in one tick stays contiguous on the wire, so it is
 * one round trip, and requests that share a connection never see each other's identity. When a statement fails, Postgres
 * skips those after it and turns the COMMIT into a ROLLBACK by itself.
 */
import { errors } from './errors.ts';
import { identityStatement } from './identity-statement.ts';
import { type EncodedStatement, encodeStatement } from './param.ts';
import type { SlotPool } from './pool.ts';
import { isStalePlan } from './postgres-error.ts';
import type { Slot } from './slot.ts';
import { COMMIT, commandOf, ROLLBACK, useTimeout } from './transaction.ts';
import type { Identity, QueryOptions, Row, Rows } from './types.ts';

export interface IdentityTransaction {
  identity: Identity;
  statements: readonly EncodedStatement[];
  readOnly: boolean;
  /** End with ROLLBACK instead of COMMIT. */
  rollback?: boolean;
  /** More columns of the first statement, such as `, pg_snapshot_xmin(…) as xmin`. */
  extra?: string;
  /** Sent behind the COMMIT, outside of the transaction. */
  after?: EncodedStatement;
}

export interface IdentityOutcome {
  results: Rows[];
  /** The row of the first statement, with the extra columns. */
  first: Row;
  /** Undefined when there was none, or it failed though the COMMIT was confirmed. */
  after: Row | undefined;
}

/** On an exclusive slot. Throws the error of the first statement that failed; nothing was written then. */
export async function runIdentityTransaction(
  pool: SlotPool,
  transaction: IdentityTransaction,
  options: QueryOptions,
): Promise<IdentityOutcome> {
  const timeoutMs = options.timeoutMs ?? pool.options.statementTimeoutMs;
  const lease = await pool.acquire('none', options);
  try {
    useTimeout(lease.slot, timeoutMs);
    try {
      return await sendIdentityTransaction(lease.slot, transaction, timeoutMs);
    } catch (error) {
      // The failure rolled everything back and the stale plan is forgotten: once more, as a whole.
      if (isStalePlan(error)) return await sendIdentityTransaction(lease.slot, transaction, timeoutMs);
      throw error;
    }
  } finally {
    pool.release(lease);
  }
}

export async function sendIdentityTransaction(
  slot: Slot,
  transaction: IdentityTransaction,
  timeoutMs: number,
): Promise<IdentityOutcome> {
  const { statements, rollback, after } = transaction;
  // Everything that can fail on our side has to fail before the first byte is sent.
  const identity = identityStatement(transaction.identity, transaction.extra);
  const sent: Promise<Rows>[] = [];
  sent.push(slot.send(transaction.readOnly ? BEGIN_READ_ONLY : BEGIN, timeoutMs));
  sent.push(slot.send(identity, timeoutMs));
  for (const statement of statements) sent.push(slot.send(statement, timeoutMs));
  sent.push(slot.send(rollback ? ROLLBACK : COMMIT, timeoutMs));
  const behind = after === undefined ? undefined : slot.send(after, timeoutMs).catch(() => undefined);
  const outcomes = await Promise.allSettled(sent);
  const rows: Rows[] = [];
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
    rows.push(outcome.value);
  }
  const ended = commandOf(rows.at(-1)!);
  if (ended !== (rollback ? 'ROLLBACK' : 'COMMIT')) throw errors.TRANSACTION_ABORTED({ pool: 'identity' });
  return { results: rows.slice(2, -1), first: rows[1]![0]!, after: (await behind)?.[0] };
}

const BEGIN = encodeStatement({ text: 'begin' });
const BEGIN_READ_ONLY = encodeStatement({ text: 'begin read only' });
