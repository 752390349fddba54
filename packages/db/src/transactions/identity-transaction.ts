/**
 * Statements sent in one tick stay contiguous on the wire: BEGIN, identity, statements and COMMIT take one round
 * trip, and requests never see each other's identity. After a failure the COMMIT is a ROLLBACK.
 */
import { answerKey } from '../connection/answer-budget.ts';
import { StatementWatch } from '../connection/cancel-when-gone.ts';
import type { PooledConnection } from '../connection/connection.ts';
import { isStalePlan, type PostgresError } from '../connection/postgres-error.ts';
import { errors } from '../errors.ts';
import type { Lease } from '../pool/lease.ts';
import type { ConnectionPool } from '../pool/pool.ts';
import { resetWithin } from '../pool/reset-session.ts';
import { type EncodedStatement, encodeStatement } from '../sql/param.ts';
import type { Identity, QueryOptions, Row, Rows, SessionReset } from '../types.ts';
import { firstStatement, identityStatement } from './identity-statement.ts';
import { CHECK_CONSTRAINTS, COMMIT, commandOf, ROLLBACK } from './transaction.ts';

export interface IdentityTransaction {
  identity: Identity;
  statements: readonly EncodedStatement[];
  readOnly: boolean;
  rollback?: boolean;
  extra?: string;
  after?: EncodedStatement;
}

export interface IdentityOutcome {
  results: Rows[];
  first: Row;
  /** Undefined when there was none, or when it failed behind a confirmed COMMIT. */
  after: Row | undefined;
  waitMs: number;
}

/** Uses an exclusive connection. Throws the error of the first statement that failed; nothing was then written. */
export async function runIdentityTransaction(
  pool: ConnectionPool,
  transaction: IdentityTransaction,
  options: QueryOptions,
): Promise<IdentityOutcome> {
  try {
    return await runOnce(pool, transaction, options);
  } catch (error) {
    if (!isStalePlan(error)) throw error;
    // The failure rolled everything back, so the whole transaction runs again, without statements that other connections have prepared.
    const statements = transaction.statements.map((statement) => ({ ...statement, prepare: false }));
    return await runOnce(pool, { ...transaction, statements }, options);
  }
}

async function runOnce(
  pool: ConnectionPool,
  transaction: IdentityTransaction,
  options: QueryOptions,
): Promise<IdentityOutcome> {
  const timeoutMs = pool.statementLimit(transaction.identity.role, options.timeoutMs);
  const began = performance.now();
  const lease = await acquireFor(pool, transaction, options).catch((error: unknown) => {
    options.timing?.(pool.name, performance.now() - began, 0, true);
    throw error;
  });
  lease.resetAfter = options.resetAfter ?? false;
  lease.statement = transaction.statements[0]?.text;
  const waitMs = lease.since - began;
  const progress: Progress = {
    isEnding: false,
    runs: ({ text }) => {
      lease.statement = text;
    },
  };
  const { client } = options;
  const watch =
    client && new StatementWatch(lease.connection, { client, withinMs: 0, mayCancel: () => !progress.isEnding });
  try {
    lease.connection.answer.key = answerKey(transaction.identity, client);
    const ending = endingOf(lease.connection, transaction, lease.resetAfter);
    const outcome = await sendIdentityTransaction(lease.connection, { ...transaction, ending }, timeoutMs, progress);
    options.timing?.(pool.name, waitMs, performance.now() - lease.since);
    return { ...outcome, waitMs };
  } catch (error) {
    options.timing?.(pool.name, waitMs, performance.now() - lease.since, true);
    // A function has deallocated what was prepared here, perhaps COMMIT too: nothing on this session can be relied on.
    if (isStalePlan(error) && (error as PostgresError).code === NO_SUCH_STATEMENT)
      lease.connection.discard(error as Error, true);
    lease.isFruitless = isCutOff(error);
    throw client?.isGone ? errors.CLIENT_GONE(undefined, { cause: error }) : error;
  } finally {
    pool.releaseAfter(watch, lease);
  }
}

/** Tells the client the expected time first, so that it cannot send many long statements before one has ended. */
async function acquireFor(
  pool: ConnectionPool,
  { statements }: IdentityTransaction,
  options: QueryOptions,
): Promise<Lease> {
  const { client } = options;
  client?.expects?.(statements.reduce((sum, { text }) => sum + pool.statements.of(text).meanMs, 0));
  try {
    const [only] = statements;
    const times =
      only !== undefined && statements.length === 1
        ? pool.statements.of(only.text).times
        : pool.statements.timesOf(options.holder?.route);
    return await pool.acquire('none', options, times);
  } catch (error) {
    client?.spent?.(0, false);
    throw error;
  }
}

/** The work was in vain: 57014 by a time limit or a cancel request, or the answer was too large. */
const isCutOff = (error: unknown): boolean => CUT_OFF_CODES.has((error as Partial<PostgresError>).code ?? '');
const CUT_OFF_CODES = new Set(['57014', 'DB_ANSWER_BYTES', 'DB_ANSWERS_FULL', 'DB_STATEMENT_OVERRUN']);

/** 26000 invalid_sql_statement_name. */
const NO_SUCH_STATEMENT = '26000';

interface Progress {
  /** Only the end of the transaction is unanswered. */
  isEnding: boolean;
  /** Every statement is sent at once, and each runs once the one before is answered. */
  runs(statement: EncodedStatement): void;
}

/** The statements behind those of the transaction. Behind a pooler, the next statement may get another session. */
function endingOf(
  { isPooled }: PooledConnection,
  { rollback }: IdentityTransaction,
  resetAfter: SessionReset,
): readonly EncodedStatement[] {
  const resets = isPooled && resetAfter !== false;
  return [
    ...(rollback || resets ? [CHECK_CONSTRAINTS] : []),
    ...(resets ? resetWithin(resetAfter) : []),
    rollback ? ROLLBACK : COMMIT,
  ];
}

/** Settles when all statements are answered. Sends nothing when one of them is invalid. */
function sendIdentityTransaction(
  connection: PooledConnection,
  transaction: IdentityTransaction & { readonly ending: readonly EncodedStatement[] },
  timeoutMs: number,
  progress: Progress,
): Promise<IdentityOutcome> {
  const { statements, rollback, after, extra = '', ending } = transaction;
  const isSet = timeoutMs === connection.statementTimeoutMs && !connection.isPooled;
  const session = connection.transactionSettings;
  const parts = [
    transaction.readOnly ? BEGIN_READ_ONLY : BEGIN,
    identityStatement(transaction.identity, { extra, timeoutMs: isSet ? undefined : timeoutMs, session }),
    ...firstStatement(transaction.identity),
    ...statements,
    ...ending,
  ];
  const firstOfAll = transaction.identity.before === undefined ? 2 : 3;
  return new Promise((resolve, reject) => {
    const rows: Rows[] = [];
    let failure: Error | undefined;
    let unanswered = parts.length + (after === undefined ? 0 : 1);
    let behind: Row | undefined;
    const answered = () => {
      if (--unanswered > 0) return;
      const ended = rows[parts.length - 1];
      if (failure === undefined && commandOf(ended!) !== (rollback ? 'ROLLBACK' : 'COMMIT')) {
        failure = errors.TRANSACTION_ABORTED({ pool: 'identity' });
      }
      if (failure !== undefined) reject(failure);
      else
        resolve({
          results: rows.slice(firstOfAll, firstOfAll + statements.length),
          first: rows[1]![0]!,
          after: behind,
          waitMs: 0,
        });
    };
    parts.forEach((part, index) => {
      connection.submit(part, timeoutMs, (result, error) => {
        if (result === undefined) failure ??= error;
        else rows[index] = result;
        const next = statements[index + 1 - firstOfAll];
        if (next) progress.runs(next);
        if (index === parts.length - 2) progress.isEnding = true;
        answered();
      });
    });
    if (after === undefined) return;
    // When it fails, `after` is undefined: the transaction was committed all the same.
    connection.submit(after, timeoutMs, (result) => {
      behind = result?.[0];
      answered();
    });
  });
}

const BEGIN = encodeStatement({ text: 'begin' });
const BEGIN_READ_ONLY = encodeStatement({ text: 'begin read only' });
