import { cancelBackend } from '../connection/cancel-backend.ts';
import { errors } from '../errors.ts';
import type { Lease } from '../pool/lease.ts';
import { leaseTrace } from '../pool/lease-trace.ts';
import type { ConnectionPool } from '../pool/pool.ts';
import { settleAll } from '../settle-all.ts';
import { type EncodedStatement, encodeStatement } from '../sql/param.ts';
import { literal } from '../sql/quote.ts';
import { firstStatement, identityStatement } from '../transactions/identity-statement.ts';
import { COMMIT, ROLLBACK } from '../transactions/transaction.ts';
import type { Row, Rows } from '../types.ts';
import type { StreamRequest } from './types.ts';

const END_TIMEOUT_MS = 5_000;
const BEGIN = encodeStatement({ text: 'begin read only' });
const BEGIN_WITH_SNAPSHOT = encodeStatement({ text: 'begin isolation level repeatable read, read only' });

export interface OpenStream {
  readonly pool: ConnectionPool;
  readonly lease: Lease;
  readonly first: Row;
  readonly timeoutMs: number;
}

export async function openStream(pool: ConnectionPool, request: StreamRequest, extra: string): Promise<OpenStream> {
  const timeoutMs = pool.statementLimit(request.identity.role, request.timeoutMs);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 0) throw errors.STREAM_REQUEST({ reason: `timeoutMs ${timeoutMs}` });
  const identity = identityStatement(request.identity, { extra });
  const trace = pool.options.leakThresholdMs > 0 ? leaseTrace() : undefined;
  const statement = request.statement.text.slice(0, MAX_SHOWN_CHARACTERS);
  const lease = await pool.acquire('none', { ...request, holder: { ...request.holder, statement } });
  lease.trace = trace;
  lease.resetAfter = request.resetAfter ?? false;
  const { connection } = lease;
  try {
    if (request.signal?.aborted) throw errors.STREAM_ABORTED(undefined, { cause: request.signal.reason });
    const { snapshot } = request;
    const [, , rows] = await settleAll<Rows | undefined>([
      connection.send(snapshot === undefined ? BEGIN : BEGIN_WITH_SNAPSHOT, timeoutMs),
      snapshot === undefined ? undefined : connection.send(importStatement(snapshot), timeoutMs),
      connection.send(identity, timeoutMs),
      ...firstStatement(request.identity).map((first) => connection.send(first, timeoutMs)),
      // The simple protocol is answered at ReadyForQuery, so the driver is then done with the socket.
      connection.script(`set local statement_timeout = ${timeoutMs}`).then(() => undefined),
    ]);
    return { pool, lease, first: rows?.[0] ?? {}, timeoutMs };
  } catch (error) {
    endStream({ pool, lease }, ROLLBACK);
    throw error;
  }
}

function importStatement(snapshot: string): EncodedStatement {
  return encodeStatement({ text: `set transaction snapshot ${literal(snapshot)}`, prepare: false });
}

const MAX_SHOWN_CHARACTERS = 200;

/** Ends the transaction and releases the connection. Nothing was written, so a failure of the end changes nothing for the reader. */
export function endStream({ pool, lease }: Pick<OpenStream, 'pool' | 'lease'>, end = COMMIT): void {
  lease.connection.submit(end, END_TIMEOUT_MS, (_rows, error) => {
    if (error !== undefined) lease.connection.discard(error);
    pool.release(lease);
  });
}

/** Ends a stream within its statement: cancels the backend and discards the connection. */
export function abandonStream(
  { pool, lease }: OpenStream,
  reason: Error,
  onCancelFailed: (error: Error) => void,
): void {
  const { connection } = lease;
  // The cancel request comes first: a computing backend notices a lost connection only after a while.
  if (connection.state !== 'gone') cancelBackend(connection).catch(onCancelFailed);
  connection.discard(reason, true);
  pool.release(lease);
}
