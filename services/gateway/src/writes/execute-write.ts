/** Runs a planned write: pipelined in one round trip, or in a transaction that is looked at before its COMMIT. */
import { type Tidemark, TRACE_PREFIX } from '@tidemark/contracts';
import type {
  Database,
  Identity,
  Row,
  Statement,
  Transaction,
  TransactionResult,
  WriteTransactionOptions,
} from '@tidemark/db';
import type { Asked } from '../http/tracing/request-trace.ts';

export interface WriteExecution<R> extends Asked {
  statement: Statement;
  identity: Identity;
  rollback: boolean;
  /** Sees the row before COMMIT; what it throws rolls back. */
  check?: (row: R) => void;
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

/** An error of `work` rolls back; so does `rollback`, which returns the value all the same. */
export function executeTransaction<T>(
  db: Database,
  options: WriteTransactionOptions & { announce?: string },
  work: (tx: Transaction) => Promise<T>,
): Promise<TransactionResult<T>> {
  const { announce, ...transaction } = options;
  return db.transaction(async (tx) => {
    if (announce !== undefined) await tx.query(ANNOUNCE, [TRACE_PREFIX, announce]);
    return await work(tx);
  }, transaction);
}

/** Into the WAL, with the transaction's changes: the relay gives it on with them. First, since of a large transaction they may leave before its end. */
const ANNOUNCE = 'select pg_logical_emit_message(true, $1, $2)';
const announcement = (trace: string): Statement => ({ text: ANNOUNCE, params: [TRACE_PREFIX, trace] });
