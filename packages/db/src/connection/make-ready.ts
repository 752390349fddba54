/** What a connection needs before it is handed out: the right resting role, and a sign of life after a long idle time. */
import { encodeStatement } from '../sql/param.ts';
import type { PooledConnection, Rest } from './connection.ts';

/** A healthy server answers in a millisecond. */
const TIMEOUT_MS = 2_000;
const PING = encodeStatement({ text: 'select 1' });
const REST_AS_NONE = encodeStatement({ text: "select set_config('role', 'tidemark_none', false)" });
const REST_AS_OWN = encodeStatement({ text: "select set_config('role', 'none', false)" });

/** Undefined when the connection can be used as it is. Rejects when it is of no use. */
export function makeReady(
  connection: PooledConnection,
  rest: Rest,
  validateAfterIdleMs: number,
): Promise<unknown> | undefined {
  if (connection.rest !== rest) {
    // Awaited, never pipelined with what follows: that must not run under the previous role when this fails.
    return connection.send(rest === 'none' ? REST_AS_NONE : REST_AS_OWN, TIMEOUT_MS).then(() => {
      connection.rest = rest;
    });
  }
  if (performance.now() - connection.idleSince < validateAfterIdleMs) return undefined;
  return connection.send(PING, TIMEOUT_MS);
}
