/**
 * A function can leave more in its session than its transaction: settings, advisory locks, temporary tables, cursors,
 * statements of PREPARE. The next request on the connection must not see them. DISCARD ALL would also drop the
 * statements that this process has prepared.
 */
import type { PooledConnection } from '../connection/connection.ts';
import { type EncodedStatement, encodeStatement } from '../sql/param.ts';
import type { SessionReset } from '../types.ts';

/** `own` rests as the user that signed in, `none` as a role without rights (make-ready.ts). */
const REST_ROLES = { own: 'none', none: 'tidemark_none' } as const;

const DEALLOCATE = `do $$ declare name text; begin
  for name in select s.name from pg_prepared_statements s where from_sql loop execute format('deallocate %I', name); end loop;
end $$`;

export function resetSession(connection: PooledConnection, reset: SessionReset): Promise<void> {
  const { statementTimeoutMs, rest } = connection;
  return connection.script(
    `reset all; set datestyle = iso; set statement_timeout = ${statementTimeoutMs}; ` +
      `select pg_advisory_unlock_all(), set_config('role', '${REST_ROLES[rest]}', false); ` +
      `discard temp; discard sequences; close all; unlisten *${reset === 'statements' ? `; ${DEALLOCATE}` : ''}`,
  );
}

const encoded = (text: string) => encodeStatement({ text, prepare: false });
const SETTINGS = [
  'reset all',
  'select pg_advisory_unlock_all()',
  'discard temp',
  'discard sequences',
  'close all',
  'unlisten *',
].map(encoded);
const STATEMENTS = [...SETTINGS, encoded(DEALLOCATE)];

/**
 * The same inside of a transaction, before its end, for a session that a pooler gives to another client afterwards. A
 * transaction that fails undoes its settings and tables by itself; a lock that its function took for the session stays.
 */
export const resetWithin = (reset: SessionReset): readonly EncodedStatement[] =>
  reset === 'statements' ? STATEMENTS : SETTINGS;
