import { encodeStatement } from '../sql/param.ts';
import type { PooledConnection, Rest } from './connection.ts';

const TIMEOUT_MS = 2_000;
const PING = encodeStatement({ text: 'select 1' });
const REST_AS_NONE = encodeStatement({ text: "select set_config('role', 'tidemark_none', false)" });
const REST_AS_OWN = encodeStatement({ text: "select set_config('role', 'none', false)" });

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
