/** Statements on an exclusive slot: one alone, or several between BEGIN and COMMIT with the caller's code between them. */
import { answerKey } from '../connection/answer-budget.ts';
import { StatementWatch } from '../connection/cancel-when-gone.ts';
import { errors } from '../errors.ts';
import { identityStatement } from './identity-statement.ts';
import type { Lease } from '../pool/lease.ts';
import { leaseTrace } from '../pool/lease-trace.ts';
import { type EncodedStatement, encodeStatement } from '../sql/param.ts';
import type { SlotPool } from '../pool/pool.ts';
import { isStalePlan } from '../connection/postgres-error.ts';
import type { Slot } from '../connection/connection.ts';
import { recorded } from '../statements/recording.ts';
import type { Param, QueryOptions, Row, Rows, Statement, Transaction, TransactionOptions } from '../types.ts';

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
  const { client } = options;
  const watch = client && new StatementWatch(lease.slot, { client, withinMs: 0, mayCancel: () => true });
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
    pool.releaseAfter(watch, lease);
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
  const { identity, client } = options;
  const timeoutMs = pool.statementLimit(identity?.role, options.timeoutMs);
  const course: Course = { timeoutMs, isEnding: false, committing: false, watch: undefined };
  // A client's statements have their limit together as well: a hundred of them would hold their locks a hundred times as long.
  const hasTotal = identity !== undefined && options.timeoutMs === undefined && timeoutMs > 0;
  const withinMs = hasTotal ? timeoutMs + TOTAL_GRACE_MS : 0;
  if (client !== undefined || withinMs > 0) {
    course.watch = new StatementWatch(lease.slot, { client, withinMs, mayCancel: () => !course.isEnding });
  }
  try {
    return await between(pool, lease, work, options, course);
  } catch (error) {
    if (client?.isGone && !course.committing) throw errors.CLIENT_GONE(undefined, { cause: error });
    if (course.watch?.isOverdue && !course.committing) {
      throw errors.TRANSACTION_TIMEOUT({ ms: timeoutMs }, { cause: error });
    }
    throw error;
  } finally {
    pool.releaseAfter(course.watch, lease);
    options.timing?.(pool.name, lease.since - began, performance.now() - lease.since);
  }
}

/** Behind the limit of one statement, so that one which overruns it alone gets the error of Postgres. */
const TOTAL_GRACE_MS = 100;

interface Course {
  readonly timeoutMs: number;
  /** COMMIT or ROLLBACK has been sent. */
  isEnding: boolean;
  /** COMMIT has been sent: its own failure must be told as it is. */
  committing: boolean;
  watch: StatementWatch | undefined;
}

async function between<T>(
  pool: SlotPool,
  lease: Lease,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
  course: Course,
): Promise<T> {
  const { slot } = lease;
  const { timeoutMs } = course;
  const { identity, client } = options;
  // Fails on our side before the first byte is sent.
  const localTimeout = slot.statementTimeoutMs === timeoutMs ? undefined : timeoutMs;
  const setting = identity && identityStatement(identity, '', localTimeout);
  slot.answer.key = identity && answerKey(identity, client);
  if (setting === undefined) useTimeout(slot, timeoutMs);
  const opening = [slot.send(beginStatement(options), timeoutMs)];
  if (setting !== undefined) opening.push(slot.send(setting, timeoutMs));
  let firstError: unknown;
  let isOver = false;
  const tx: Transaction = {
    async query<R extends Row = Row>(text: string, params?: readonly Param[]): Promise<Rows<R>> {
      if (isOver) throw errors.TRANSACTION_OVER({ pool: pool.name });
      checkAwaited(course, options);
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
    checkAwaited(course, options);
  } catch (error) {
    isOver = true;
    course.isEnding = true;
    await slot.send(ROLLBACK, timeoutMs).catch((cause: Error) => slot.discard(cause));
    throw error;
  }
  isOver = true;
  course.isEnding = true;
  course.committing = true;
  const committed = await slot.send(COMMIT, timeoutMs);
  if (commandOf(committed) !== 'COMMIT') throw errors.TRANSACTION_ABORTED({ pool: pool.name }, { cause: firstError });
  return result;
}

/** Throws when the client has gone, or the time for all statements is over: nothing more is run, and what was is rolled back. */
function checkAwaited({ timeoutMs, watch }: Course, { client }: TransactionOptions): void {
  if (client?.isGone) throw errors.CLIENT_GONE();
  if (watch?.isOverdue) throw errors.TRANSACTION_TIMEOUT({ ms: timeoutMs });
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
function useTimeout(slot: Slot, timeoutMs: number): void {
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
