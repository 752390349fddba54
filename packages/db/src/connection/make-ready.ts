/** Prepares a connection for use: sets its resting role, and pings it after a long idle time. */
import { encodeStatement } from '../sql/param.ts';
import type { PooledConnection, Rest } from './connection.ts';

const TIMEOUT_MS = 2_000;
const PING = encodeStatement({ text: 'select 1' });
const REST_AS_NONE = encodeStatement({ text: "select set_config('role', 'tidemark_none', false)" });
const REST_AS_OWN = encodeStatement({ text: "select set_config('role', 'none', false)" });

/** Undefined when the connection can be used as it is. Rejects when it cannot be used. */
export function makeReady(
  connection: PooledConnection,
  rest: Rest,
  validateAfterIdleMs: number,
): Promise<unknown> | undefined {
  if (connection.rest !== rest) {
    // Awaited instead of pipelined: when it fails, the next statement must not run under the previous role.
    return connection.send(rest === 'none' ? REST_AS_NONE : REST_AS_OWN, TIMEOUT_MS).then(() => {
      connection.rest = rest;
    });
  }
  if (performance.now() - connection.idleSince < validateAfterIdleMs) return undefined;
  return connection.send(PING, TIMEOUT_MS);
}
