/** Runs a planned write: pipelined in one round trip, or in a transaction that is looked at before its COMMIT. */
import { formatTidemark, parseLsn, type Tidemark } from '@tidemark/contracts';
import type { Database, Holder, Identity, Row, Statement, Transaction, TransactionOptions } from '@tidemark/db';

export interface WriteExecution<R> {
  statement: Statement;
  identity: Identity;
  holder: Holder;
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
  const { statement, identity, holder, rollback, check } = execution;
  if (!check) {
    const { results, tidemark } = await db.write({ identity, statements: [statement], holder, rollback });
    return { row: results[0]?.[0] as R, tidemark };
  }
  const { value, tidemark } = await executeTransaction(db, { identity, holder, rollback }, async (tx) => {
    const [row] = await tx.query<R>(statement.text, statement.params);
    check(row as R);
    return row as R;
  });
  return { row: value, tidemark };
}

/** What `work` throws rolls back; so does `rollback`, with the value all the same. */
export async function executeTransaction<T>(
  db: Database,
  options: TransactionOptions & { rollback: boolean },
  work: (tx: Transaction) => Promise<T>,
): Promise<{ value: T; tidemark: Tidemark }> {
  const { rollback, ...transaction } = options;
  try {
    const value = await db.pools.write.transaction(async (tx) => {
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

/** With synchronous_commit off nothing may be flushed yet; the inserted position is past the commit in any case. */
const POSITION = `select (case when current_setting('synchronous_commit') = 'off' then pg_current_wal_insert_lsn()
  else pg_current_wal_flush_lsn() end)::text as lsn`;

async function currentTidemark(db: Database): Promise<Tidemark> {
  const [row] = await db.pools.write.query<{ lsn: string }>(POSITION);
  return formatTidemark(db.epoch(), parseLsn(row?.lsn as string));
}
