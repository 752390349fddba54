/** Runs a file of statements as one transaction, by the simple protocol: blueprints and the user's own SQL files. */

import { PooledConnection } from '../connection/connection.ts';
import { parseConnectionUrl } from '../connection/url.ts';
import { errors } from '../errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** Rejects with PostgresError, everything rolled back; or DB_CONNECT_FAILED. */
export async function runScript(url: string, text: string): Promise<void> {
  const target = parseConnectionUrl(url);
  const connection = new PooledConnection({
    pool: 'script',
    target,
    settings: { application_name: 'tidemark/script', statement_timeout: '0' },
    rest: 'own',
    statementTimeoutMs: 0,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    onGone: () => undefined,
  });
  try {
    await connection.open();
  } catch (cause) {
    throw errors.CONNECT_FAILED({ server: target.label, reason: (cause as Error).message }, { cause });
  }
  try {
    await connection.script(`begin;\n${text}\n;commit;`);
  } finally {
    // After an error the aborted transaction ends with the connection.
    connection.close();
  }
}
