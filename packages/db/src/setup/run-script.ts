/** Runs a file of statements as one transaction, by the simple protocol: blueprints and the user's own SQL files. */
import { openOwnConnection } from './own-connection.ts';

/** Rejects with PostgresError, everything rolled back; or DB_CONNECT_FAILED. */
export async function runScript(url: string, text: string): Promise<void> {
  const connection = await openOwnConnection(url, 'script');
  try {
    await connection.script(`begin;\n${text}\n;commit;`);
  } finally {
    // After an error the aborted transaction ends with the connection.
    connection.close();
  }
}
