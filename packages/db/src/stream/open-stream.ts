/** The transaction of a stream: read-only, under its identity, on an exclusive slot of an analytics pool. */
import { errors } from '../errors.ts';
import { identityStatement } from '../transactions/identity-statement.ts';
import type { Lease } from '../pool/lease.ts';
import { leaseTrace } from '../pool/lease-trace.ts';
import { encodeStatement } from '../sql/param.ts';
import type { SlotPool } from '../pool/pool.ts';
import { allSettled, COMMIT, ROLLBACK } from '../transactions/transaction.ts';
import type { Row, Rows } from '../types.ts';
import { cancelBackend } from './cancel-backend.ts';
import type { StreamRequest } from './types.ts';

/** How long the server may take for the end of a transaction. */
const END_TIMEOUT_MS = 5_000;
const BEGIN = encodeStatement({ text: 'begin read only' });

export interface OpenStream {
  readonly pool: SlotPool;
  readonly lease: Lease;
  /** The row of the identity's statement, with the extra columns. */
  readonly first: Row;
  /** For the whole stream. */
  readonly timeoutMs: number;
}

/** @throws what acquiring and BEGIN do, and DB_STREAM_ABORTED */
export async function openStream(pool: SlotPool, request: StreamRequest, extra: string): Promise<OpenStream> {
  const timeoutMs = pool.statementLimit(request.identity.role, request.timeoutMs);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 0) throw errors.STREAM_REQUEST({ reason: `timeoutMs ${timeoutMs}` });
  const identity = identityStatement(request.identity, extra);
  const trace = pool.options.leakThresholdMs > 0 ? leaseTrace() : undefined;
  const statement = request.statement.text.slice(0, SHOWN_CHARACTERS);
  const lease = await pool.acquire('none', { ...request, holder: { ...request.holder, statement } });
  lease.trace = trace;
  const { slot } = lease;
  try {
    if (request.signal?.aborted) throw errors.STREAM_ABORTED(undefined, { cause: request.signal.reason });
    const [, rows] = await allSettled<Rows | undefined>([
      slot.send(BEGIN, timeoutMs),
      slot.send(identity, timeoutMs),
      // By the simple protocol, which is answered at ReadyForQuery: the driver is done with the socket then.
      slot.script(`set local statement_timeout = ${timeoutMs}`).then(() => undefined),
    ]);
    return { pool, lease, first: rows?.[0] ?? {}, timeoutMs };
  } catch (error) {
    endStream({ pool, lease }, ROLLBACK);
    throw error;
  }
}

/** Text of a statement in a leak's report: without its parameters. */
const SHOWN_CHARACTERS = 200;

/** COMMIT or ROLLBACK, and the slot back to its pool. Nothing was written: how it goes changes nothing for the reader. */
export function endStream({ pool, lease }: Pick<OpenStream, 'pool' | 'lease'>, end = COMMIT): void {
  lease.slot.submit(end, END_TIMEOUT_MS, (_rows, error) => {
    if (error !== undefined) lease.slot.discard(error);
    pool.release(lease);
  });
}

/** In the middle of a statement: its backend is told to stop, and the connection is thrown away. */
export function abandonStream(
  { pool, lease }: OpenStream,
  reason: Error,
  onCancelFailed: (error: Error) => void,
): void {
  const { slot } = lease;
  // Told first: a backend that computes would notice the lost connection only after a while.
  if (slot.state !== 'gone') cancelBackend(slot).catch(onCancelFailed);
  slot.discard(reason, true);
  pool.release(lease);
}
