/** Runs a planned write: pipelined in one round trip, or with a look at its result before COMMIT where one is asked for. */
import { formatTidemark, parseLsn, type Tidemark } from '@tidemark/contracts';
import type { Database, Holder, Identity, Row, Statement } from '@tidemark/db';

export interface WriteExecution<R> {
  statement: Statement;
  identity: Identity;
  holder: Holder;
  rollback: boolean;
  /** Sees the row before COMMIT; what it throws rolls back. */
  check?: (row: R) => void;
}

/** Thrown inside a transaction to undo it although nothing failed. */
class Undo extends Error {
  readonly row: Row;

  constructor(row: Row) {
    super('rolled back as asked');
    this.row = row;
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
  try {
    const row = await db.pools.write.transaction(
      async (tx) => {
        const [first] = await tx.query<R>(statement.text, statement.params);
        check(first as R);
        if (rollback) throw new Undo(first as R);
        return first as R;
      },
      { identity, holder },
    );
    return { row, tidemark: await currentTidemark(db) };
  } catch (error) {
    if (!(error instanceof Undo)) throw error;
    return { row: error.row as R, tidemark: await currentTidemark(db) };
  }
}

async function currentTidemark(db: Database): Promise<Tidemark> {
  const [row] = await db.pools.write.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  return formatTidemark(db.epoch(), parseLsn(row?.lsn as string));
}
