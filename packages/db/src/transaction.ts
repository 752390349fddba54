/** Statements on an exclusive slot: one alone, or several between BEGIN and COMMIT with the caller's code between them. */
import { answerKey } from './answer-budget.ts';
import { errors } from './errors.ts';
import { identityStatement } from './identity-statement.ts';
import type { Lease } from './lease.ts';
import { leaseTrace } from './lease-trace.ts';
import { type EncodedStatement, encodeStatement } from './param.ts';
import type { SlotPool } from './pool.ts';
import { isStalePlan } from './postgres-error.ts';
import type { Slot } from './slot.ts';
import { recorded } from './statement-recording.ts';
import type { Param, QueryOptions, Row, Rows, Statement, Transaction, TransactionOptions } from './types.ts';

export async function runQuery<R extends Row>(
  pool: SlotPool,
  statement: Statement,
  options: QueryOptions,
): Promise<Rows<R>> {
  const encoded = encodeStatement(statement);
  const timeoutMs = options.timeoutMs ?? pool.options.statementTimeoutMs;
  const began = performance.now();
  const lease = await pool.acquire('own', options);
  lease.slot.answer.key = undefined;
  try {
    useTimeout(lease.slot, timeoutMs);
    try {
      const send = () => lease.slot.send<R>(encoded, timeoutMs);
      return await recorded(pool.statements, statement.text, lease.since - began, options.holder, send);
    } catch (error) {
      // A single statement that failed was rolled back, so running it again is safe; its stale plan is forgotten.
      if (isStalePlan(error)) return await lease.slot.send<R>(encoded, timeoutMs);
      throw error;
    }
  } finally {
    pool.release(lease);
  }
}

export async function runTransaction<T>(
  pool: SlotPool,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const trace = pool.options.leakThresholdMs > 0 ? leaseTrace() : undefined;
  const began = performance.now();
  const lease = await pool.acquire(options.identity === undefined ? 'own' : 'none', options);
  lease.trace = trace;
  try {
    return await between(pool, lease, work, options);
  } finally {
    pool.release(lease);
    options.timing?.(pool.name, lease.since - began, performance.now() - lease.since);
  }
}

async function between<T>(
  pool: SlotPool,
  lease: Lease,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const { slot } = lease;
  const timeoutMs = options.timeoutMs ?? pool.options.statementTimeoutMs;
  slot.answer.key = options.identity && answerKey(options.identity);
  useTimeout(slot, timeoutMs);
  const opening = [slot.send(beginStatement(options), timeoutMs)];
  if (options.identity !== undefined) opening.push(slot.send(identityStatement(options.identity), timeoutMs));
  let firstError: unknown;
  let isOver = false;
  const tx: Transaction = {
    async query<R extends Row = Row>(text: string, params?: readonly Param[]): Promise<Rows<R>> {
      if (isOver) throw errors.TRANSACTION_OVER({ pool: pool.name });
      try {
        const encoded = encodeStatement({ text, ...(params !== undefined && { params }) });
        lease.statement = text;
        return await recorded(pool.statements, text, 0, options.holder, () => slot.send<R>(encoded, timeoutMs));
      } catch (error) {
        firstError ??= error;
        throw error;
      }
    },
  };
  let result: T;
  try {
    // Awaited: a statement must not run outside of the transaction because BEGIN failed.
    await allSettled(opening);
    result = await work(tx);
  } catch (error) {
    isOver = true;
    await slot.send(ROLLBACK, timeoutMs).catch((cause: Error) => slot.discard(cause));
    throw error;
  }
  isOver = true;
  const committed = await slot.send(COMMIT, timeoutMs);
  if (commandOf(committed) !== 'COMMIT') throw errors.TRANSACTION_ABORTED({ pool: pool.name }, { cause: firstError });
  return result;
}

/** Waits for all, then throws the first error: none is left unhandled, and nothing is still on the wire. */
export async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

/** Sets the session's statement_timeout where it differs; what is sent next comes after it on the wire. */
export function useTimeout(slot: Slot, timeoutMs: number): void {
  // Without it the session's limit is unknown: the slot is discarded, and what is sent on it is told so.
  if (slot.statementTimeoutMs !== timeoutMs) setTimeoutOf(slot, timeoutMs).catch(() => undefined);
}

/** The same, answered. Rejects when it failed; the slot is discarded then. */
export async function setTimeoutOf(slot: Slot, timeoutMs: number): Promise<void> {
  slot.statementTimeoutMs = timeoutMs;
  try {
    await slot.send({ text: SET_TIMEOUT, params: [String(timeoutMs)], prepare: true }, timeoutMs);
  } catch (cause) {
    slot.discard(cause as Error);
    throw cause;
  }
}

/** The command tag: postgres keeps it on its Result. */
export function commandOf(rows: Rows): string | null {
  return (rows as Rows & { command: string | null }).command;
}

function beginStatement(options: TransactionOptions): EncodedStatement {
  const isolation = options.isolation === undefined ? '' : ` isolation level ${ISOLATION[options.isolation]}`;
  return { text: `begin${isolation}${options.readOnly ? ' read only' : ''}`, params: [], prepare: true };
}

/** Looked up instead of copied: a value from elsewhere cannot become SQL. */
const ISOLATION = {
  'read committed': 'read committed',
  'repeatable read': 'repeatable read',
  serializable: 'serializable',
} as const;

const SET_TIMEOUT = "select set_config('statement_timeout', $1, false)";
export const COMMIT: EncodedStatement = encodeStatement({ text: 'commit' });
export const ROLLBACK: EncodedStatement = encodeStatement({ text: 'rollback' });
