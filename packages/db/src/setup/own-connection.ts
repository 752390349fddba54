import { PooledConnection } from '../connection/connection.ts';
import { parseConnectionUrl } from '../connection/url.ts';
import { errors } from '../errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** Statements have no time limit. Throws DB_INVALID_URL and DB_CONNECT_FAILED. */
export async function openOwnConnection(
  url: string,
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<PooledConnection> {
  const target = parseConnectionUrl(url);
  const connection = new PooledConnection({
    pool: name,
    target,
    settings: { application_name: `tidemark/${name}`, statement_timeout: '0', ...settings },
    rest: 'own',
    statementTimeoutMs: 0,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    onGone: () => undefined,
  });
  try {
    await connection.open();
    return connection;
  } catch (cause) {
    throw errors.CONNECT_FAILED({ server: target.label, reason: (cause as Error).message }, { cause });
  }
}
