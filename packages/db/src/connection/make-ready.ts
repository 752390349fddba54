import { encodeStatement } from '../sql/param.ts';
import type { PooledConnection, Rest } from './connection.ts';

const TIMEOUT_MS = 2_000;
const PING = encodeStatement({ text: 'select 1' });
/** It also drops the plans of statements within functions. */
const DISCARD_PLANS = encodeStatement({ text: 'discard plans', prepare: false });
const REST_AS_NONE = encodeStatement({ text: "select set_config('role', 'tidemark_none', false)" });
const REST_AS_OWN = encodeStatement({ text: "select set_config('role', 'none', false)" });

export function makeReady(
  connection: PooledConnection,
  rest: Rest,
  validateAfterIdleMs: number,
): Promise<unknown> | undefined {
  if (connection.isPooled) {
    // Its sessions change from transaction to transaction, and keep neither a role nor plans of ours.
    connection.hasStalePlans = false;
    connection.rest = rest;
  }
  if (connection.hasStalePlans) {
    // Roles that change while it is sent make the plans stale again.
    connection.hasStalePlans = false;
    return connection.send(DISCARD_PLANS, TIMEOUT_MS).then(() => makeReady(connection, rest, validateAfterIdleMs));
  }
  if (connection.rest !== rest) {
    // Awaited instead of pipelined: when it fails, the next statement must not run under the previous role.
    return connection.send(rest === 'none' ? REST_AS_NONE : REST_AS_OWN, TIMEOUT_MS).then(() => {
      connection.rest = rest;
    });
  }
  if (performance.now() - connection.idleSince < validateAfterIdleMs) return undefined;
  return connection.send(PING, TIMEOUT_MS);
}
