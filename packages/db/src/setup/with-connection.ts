import { encodeStatement } from '../sql/param.ts';
import type { Param, Row, Rows } from '../types.ts';
import { openOwnConnection } from './own-connection.ts';

export interface ServerAnswers {
  readonly isBehindPooler: boolean;
}

export type Query = <R extends Row>(text: string, params?: readonly Param[]) => Promise<Rows<R>>;

/**
 * Runs `work` on one connection without a pool, also in a database without the schema of Tidemark: for commands.
 * @throws DB_INVALID_URL and DB_CONNECT_FAILED
 */
export async function withConnection<T>(
  url: string,
  name: string,
  work: (query: Query, server: ServerAnswers) => Promise<T>,
): Promise<T> {
  const connection = await openOwnConnection(url, name);
  try {
    const query: Query = (text, params = []) => connection.send(encodeStatement({ text, params, prepare: false }), 0);
    return await work(query, connection);
  } finally {
    connection.close();
  }
}
