/** The statements that the sink sends to ClickHouse. */

import { Readable } from 'node:stream';
import { ClickHouseError } from '@clickhouse/client';
import type { ConnectionPool } from './connection-pool.ts';

export interface ServerVersion {
  readonly major: number;
  readonly minor: number;
}

export class ClickHouseServer {
  readonly #pool: ConnectionPool;

  constructor(pool: ConnectionPool) {
    this.#pool = pool;
  }

  async version(): Promise<ServerVersion> {
    const [row] = await this.rows<{ version: string }>('select version() as version');
    const [major = 0, minor = 0] = (row?.version ?? '').split('.').map(Number);
    return { major, minor };
  }

  run(query: string): Promise<void> {
    return this.#pool.use(async (client) => void (await client.command({ query })));
  }

  rows<R>(query: string): Promise<R[]> {
    return this.#pool.use(async (client) => {
      const answer = await client.query({ query, format: 'JSONEachRow' });
      return (await answer.json()) as R[];
    });
  }

  /** The rows are JSON texts, so that no number loses digits in JavaScript. */
  insert(table: string, rows: readonly string[]): Promise<void> {
    return this.#pool.use(async (client) => {
      const { stream } = await client.exec({
        query: `insert into ${table} format JSONEachRow`,
        values: Readable.from([rows.join('\n')], { objectMode: false }),
      });
      // The answer has no rows; its end says that the insert is done.
      for await (const _ of stream);
    });
  }
}

/**
 * Codes of a server that is busy, short of memory or not yet ready: 159 TIMEOUT_EXCEEDED, 164 READONLY (no quorum of a
 * restarting server), 202 TOO_MANY_SIMULTANEOUS_QUERIES, 209 and 210 network, 241 MEMORY_LIMIT_EXCEEDED,
 * 242 TABLE_IS_READ_ONLY, 243 NOT_ENOUGH_SPACE, 252 TOO_MANY_PARTS.
 */
const TEMPORARY: ReadonlySet<string> = new Set(['159', '164', '202', '209', '210', '241', '242', '243', '252']);

/** A statement that the server understood and refused is refused again; anything else may succeed later. */
export const isRefused = (error: unknown): boolean => error instanceof ClickHouseError && !TEMPORARY.has(error.code);

export const identifier = (name: string): string => `\`${name.replace(/[\\`]/g, '\\$&')}\``;
export const literal = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
