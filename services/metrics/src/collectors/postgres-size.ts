import type { CollectorDefinition } from './collector.ts';
import type { PostgresConnection } from './postgres-connection.ts';

/** pg_database_size calls stat() for every file of the database: thousands in a large schema. */
const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 10_000;

export function size(postgres: PostgresConnection): CollectorDefinition<{ databaseBytes: number }> {
  return {
    name: 'postgres size',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const [row] = await postgres.admin().query('select pg_database_size(current_database())::float8 as bytes', [], {
        holder: { route: 'collector postgres size' },
        timeoutMs: TIMEOUT_MS,
      });
      return { databaseBytes: row?.bytes as number };
    },
  };
}
