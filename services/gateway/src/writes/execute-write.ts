/** Runs a planned write: pipelined in one round trip, or in a transaction that is looked at before its COMMIT. */
import { formatTidemark, parseLsn, type Tidemark, TRACE_PREFIX } from '@tidemark/contracts';
import type { Database, Identity, Row, Statement, Transaction, TransactionOptions } from '@tidemark/db';
import type { Asked } from '../http/tracing/request-trace.ts';

export interface WriteExecution<R> extends Asked {
  statement: Statement;
  identity: Identity;
  rollback: boolean;
  /** Sees the row before COMMIT; what it throws rolls back. */
  check?: (row: R) => void;
}

/** Thrown inside a transaction to undo it although nothing failed. */
class Undo<T> extends Error {
  readonly value: T;

  constructor(value: T) {
    super('rolled back as asked');
    this.value = value;
  }
}

export async function executeWrite<R extends Row>(
  db: Database,
  execution: WriteExecution<R>,
): Promise<{ row: R; tidemark: Tidemark }> {
  const { statement, check, announce, ...options } = execution;
  if (!check) {
    const statements = announce === undefined ? [statement] : [announcement(announce), statement];
    const { results, tidemark } = await db.write({ ...options, statements });
    return { row: results.at(-1)?.[0] as R, tidemark };
  }
  const { value, tidemark } = await executeTransaction(
    db,
    { ...options, ...(announce ? { announce } : {}) },
    async (tx) => {
      const [row] = await tx.query<R>(statement.text, statement.params);
      check(row as R);
      return row as R;
    },
  );
  return { row: value, tidemark };
}

/** What `work` throws rolls back; so does `rollback`, with the value all the same. */
export async function executeTransaction<T>(
  db: Database,
  options: TransactionOptions & { rollback: boolean; announce?: string },
  work: (tx: Transaction) => Promise<T>,
): Promise<{ value: T; tidemark: Tidemark }> {
  const { rollback, announce, ...transaction } = options;
  try {
    const value = await db.pools.write.transaction(async (tx) => {
      if (announce !== undefined) await tx.query(ANNOUNCE, [TRACE_PREFIX, announce]);
      const done = await work(tx);
      if (rollback) throw new Undo(done);
      return done;
    }, transaction);
    return { value, tidemark: await currentTidemark(db) };
  } catch (error) {
    if (!(error instanceof Undo)) throw error;
    return { value: error.value as T, tidemark: await currentTidemark(db) };
  }
}

/** Into the WAL, with the transaction's changes: the relay gives it on with them. First, since of a large transaction they may leave before its end. */
const ANNOUNCE = 'select pg_logical_emit_message(true, $1, $2)';
const announcement = (trace: string): Statement => ({ text: ANNOUNCE, params: [TRACE_PREFIX, trace] });

/** With synchronous_commit off nothing may be flushed yet; the inserted position is past the commit in any case. */
const POSITION = `select (case when current_setting('synchronous_commit') = 'off' then pg_current_wal_insert_lsn()
  else pg_current_wal_flush_lsn() end)::text as lsn`;

async function currentTidemark(db: Database): Promise<Tidemark> {
  const [row] = await db.pools.write.query<{ lsn: string }>(POSITION);
  return formatTidemark(db.epoch(), parseLsn(row?.lsn as string));
}
