import { encodeStatement } from '../sql/param.ts';
import type { Param, Row, Rows } from '../types.ts';
import { openOwnConnection } from './own-connection.ts';

export type Query = <R extends Row>(text: string, params?: readonly Param[]) => Promise<Rows<R>>;

/**
 * Runs `work` on one connection without a pool, also in a database without the schema of Tidemark: for commands.
 * @throws DB_INVALID_URL and DB_CONNECT_FAILED
 */
export async function withConnection<T>(url: string, name: string, work: (query: Query) => Promise<T>): Promise<T> {
  const connection = await openOwnConnection(url, name);
  try {
    return await work((text, params = []) => connection.send(encodeStatement({ text, params, prepare: false }), 0));
  } finally {
    connection.close();
  }
}
