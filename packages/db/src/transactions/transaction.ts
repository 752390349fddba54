/** Runs statements on an exclusive connection: one alone, or several between BEGIN and COMMIT with the caller's code between them. */
import { parseLsn } from '@tidemark/contracts';
import { answerKey } from '../connection/answer-budget.ts';
import { StatementWatch } from '../connection/cancel-when-gone.ts';
import type { PooledConnection } from '../connection/connection.ts';
import { isStalePlan } from '../connection/postgres-error.ts';
import { errors } from '../errors.ts';
import type { Lease } from '../pool/lease.ts';
import type { LeaseSource } from '../pool/lease-source.ts';
import { leaseTrace } from '../pool/lease-trace.ts';
import { resetWithin } from '../pool/reset-session.ts';
import { settleAll } from '../settle-all.ts';
import { type EncodedStatement, encodeStatement } from '../sql/param.ts';
import { SERVER_LSN_SQL, SNAPSHOT_SQL } from '../sql/wal.ts';
import { recorded } from '../statements/recording.ts';
import type { Param, QueryOptions, Row, Rows, Statement, Transaction, TransactionOptions } from '../types.ts';
import { firstStatement, identityStatement, sessionStatement } from './identity-statement.ts';

export async function runQuery<R extends Row>(
  pool: LeaseSource,
  statement: Statement,
  options: QueryOptions,
): Promise<Rows<R>> {
  const encoded = encodeStatement(statement);
  const timeoutMs = options.timeoutMs ?? pool.options.statementTimeoutMs;
  const began = performance.now();
  const lease = await pool.acquire('own', options, pool.statements.of(statement.text).times);
  lease.connection.answer.key = undefined;
  const { client } = options;
  const watch = client && new StatementWatch(lease.connection, { client, withinMs: 0, mayCancel: () => true });
  try {
    useTimeout(lease.connection, timeoutMs);
    try {
      const send = () => lease.connection.send<R>(encoded, timeoutMs);
      return await recorded(pool.statements, statement.text, lease.since - began, options.holder, send);
    } catch (error) {
      // A single statement that failed was rolled back, so running it again is safe; its stale plan is dropped.
      if (isStalePlan(error)) return await lease.connection.send<R>(encoded, timeoutMs);
      throw error;
    }
  } finally {
    pool.releaseAfter(watch, lease);
  }
}

export interface TransactionEnd {
  rollback?: boolean;
  after?: EncodedStatement;
}

export interface TransactionOutcome<T> {
  value: T;
  after: Row | undefined;
}

export async function runTransaction<T>(
  pool: LeaseSource,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
  end: TransactionEnd = {},
): Promise<TransactionOutcome<T>> {
  const trace = pool.options.leakThresholdMs > 0 ? leaseTrace() : undefined;
  const began = performance.now();
  const rest = options.identity === undefined ? 'own' : 'none';
  const times = pool.statements.timesOf(options.holder?.route);
  const lease = await pool.acquire(rest, options, times).catch((error: unknown) => {
    options.timing?.(pool.name, performance.now() - began, 0, true);
    throw error;
  });
  lease.trace = trace;
  lease.resetAfter = options.resetAfter ?? false;
  const { identity, client } = options;
  const timeoutMs = pool.statementLimit(identity?.role, options.timeoutMs);
  const course: Course = { timeoutMs, isEnding: false, committing: false, watch: undefined };
  // All statements of a client together have the limit as well: a hundred of them would hold their locks a hundred times as long.
  const hasTotal = identity !== undefined && options.timeoutMs === undefined && timeoutMs > 0;
  const withinMs = hasTotal ? timeoutMs + TOTAL_GRACE_MS : 0;
  if (client !== undefined || withinMs > 0) {
    course.watch = new StatementWatch(lease.connection, { client, withinMs, mayCancel: () => !course.isEnding });
  }
  try {
    return await between({ pool, lease, work, options, end, course });
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

/** Longer than the limit of one statement, so that a single overrun gets the error of Postgres. */
const TOTAL_GRACE_MS = 100;

interface Course {
  readonly timeoutMs: number;
  isEnding: boolean;
  /** COMMIT was sent: its own failure must be reported as it is. */
  committing: boolean;
  watch: StatementWatch | undefined;
}

interface Run<T> {
  readonly pool: LeaseSource;
  readonly lease: Lease;
  readonly work: (tx: Transaction) => Promise<T>;
  readonly options: TransactionOptions;
  readonly end: TransactionEnd;
  readonly course: Course;
}

async function between<T>({ pool, lease, work, options, end, course }: Run<T>): Promise<TransactionOutcome<T>> {
  const { connection } = lease;
  const { timeoutMs } = course;
  const { identity, client } = options;
  const { rollback, after } = end;
  const isSet = connection.statementTimeoutMs === timeoutMs && !connection.isPooled;
  const session = connection.transactionSettings;
  const ofIdentity = identity && identityStatement(identity, { timeoutMs: isSet ? undefined : timeoutMs, session });
  const setting = ofIdentity ?? (session && sessionStatement(session, timeoutMs));
  connection.answer.key = identity && answerKey(identity, client);
  if (setting === undefined) useTimeout(connection, timeoutMs);
  const opening = [connection.send(beginStatement(options), timeoutMs)];
  if (setting !== undefined) opening.push(connection.send(setting, timeoutMs));
  if (identity) for (const first of firstStatement(identity)) opening.push(connection.send(first, timeoutMs));
  let firstError: unknown;
  let isOver = false;
  const tx: Transaction = {
    async query<R extends Row = Row>(text: string, params?: readonly Param[]): Promise<Rows<R>> {
      if (isOver) throw errors.TRANSACTION_OVER({ pool: pool.name });
      checkAwaited(course, options);
      try {
        const encoded = encodeStatement({ text, ...(params !== undefined && { params }) });
        lease.statement = text;
        return await recorded(pool.statements, text, 0, options.holder, () => connection.send<R>(encoded, timeoutMs));
      } catch (error) {
        firstError ??= error;
        throw error;
      }
    },
    async snapshot() {
      const [row] = await tx.query<SnapshotRow>(SNAPSHOT);
      const { standby, lsn, snapshot } = row as SnapshotRow;
      return { isStandby: standby, lsn: parseLsn(lsn), text: snapshot };
    },
  };
  let value: T;
  try {
    // Awaited, since no statement may run outside of the transaction when BEGIN failed.
    await settleAll(opening);
    value = await work(tx);
    const reset = connection.isPooled && (options.resetAfter ?? false);
    if (rollback || reset) await connection.send(CHECK_CONSTRAINTS, timeoutMs);
    if (reset) await settleAll(resetWithin(reset).map((one) => connection.send(one, timeoutMs)));
    checkAwaited(course, options);
  } catch (error) {
    isOver = true;
    course.isEnding = true;
    await connection.send(ROLLBACK, timeoutMs).catch((cause: Error) => connection.discard(cause));
    throw error;
  }
  isOver = true;
  course.isEnding = true;
  course.committing = rollback !== true;
  const [ended, behind] = await Promise.allSettled([
    connection.send(rollback ? ROLLBACK : COMMIT, timeoutMs),
    after && connection.send(after, timeoutMs),
  ]);
  if (ended.status === 'rejected') throw ended.reason;
  if (!rollback && commandOf(ended.value) !== 'COMMIT') {
    throw errors.TRANSACTION_ABORTED({ pool: pool.name }, { cause: firstError });
  }
  return { value, after: behind.status === 'fulfilled' ? behind.value?.[0] : undefined };
}

/** Throws when the client is gone or the time for all statements is over; the transaction is then rolled back. */
function checkAwaited({ timeoutMs, watch }: Course, { client }: TransactionOptions): void {
  if (client?.isGone) throw errors.CLIENT_GONE();
  if (watch?.isOverdue) throw errors.TRANSACTION_TIMEOUT({ ms: timeoutMs });
}

function useTimeout(connection: PooledConnection, timeoutMs: number): void {
  // Behind a pooler, the next statement may get another session: only transactions have limits of their own.
  if (connection.isPooled) return;
  // When it fails, the limit of the session is unknown: the connection is discarded, and the next statement with it.
  if (connection.statementTimeoutMs !== timeoutMs) setTimeoutOf(connection, timeoutMs).catch(() => undefined);
}

export async function setTimeoutOf(connection: PooledConnection, timeoutMs: number): Promise<void> {
  connection.statementTimeoutMs = timeoutMs;
  try {
    await connection.send({ text: SET_TIMEOUT, params: [String(timeoutMs)], prepare: true }, timeoutMs);
  } catch (cause) {
    connection.discard(cause as Error);
    throw cause;
  }
}

/** The command tag, which postgres keeps on its Result. */
export function commandOf(rows: Rows): string | null {
  return (rows as Rows & { command: string | null }).command;
}

function beginStatement(options: TransactionOptions): EncodedStatement {
  const isolation = options.isolation === undefined ? '' : ` isolation level ${ISOLATION[options.isolation]}`;
  return { text: `begin${isolation}${options.readOnly ? ' read only' : ''}`, params: [], prepare: true };
}

/** Looked up instead of copied, so that no other value can become SQL. */
const ISOLATION = {
  'read committed': 'read committed',
  'repeatable read': 'repeatable read',
  serializable: 'serializable',
} as const;

interface SnapshotRow {
  standby: boolean;
  lsn: string;
  snapshot: string;
}

const SNAPSHOT = `select pg_is_in_recovery() as standby, ${SNAPSHOT_SQL} as snapshot, ${SERVER_LSN_SQL} as lsn`;
const SET_TIMEOUT = "select set_config('statement_timeout', $1, false)";
export const COMMIT: EncodedStatement = encodeStatement({ text: 'commit' });
export const ROLLBACK: EncodedStatement = encodeStatement({ text: 'rollback' });
/** A ROLLBACK would not check deferred constraints, on which a COMMIT could fail. */
export const CHECK_CONSTRAINTS: EncodedStatement = encodeStatement({ text: 'set constraints all immediate' });
