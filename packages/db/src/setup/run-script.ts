/** Runs a file of statements as one transaction, by the simple protocol: blueprints and the user's own SQL files. */
import { openOwnConnection } from './own-connection.ts';

export async function runScript(url: string, text: string): Promise<void> {
  const connection = await openOwnConnection(url, 'script');
  try {
    await connection.script(`begin;\n${text}\n;commit;`);
  } finally {
    // After an error the aborted transaction ends with the connection.
    connection.close();
  }
}
