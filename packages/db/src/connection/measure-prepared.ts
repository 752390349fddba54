import { encodeStatement } from '../sql/param.ts';
import type { PooledConnection } from './connection.ts';
import { PostgresError } from './postgres-error.ts';

/** Reading the list of memory contexts takes a few ms. */
const TIMEOUT_MS = 2_000;
/** Reading pg_backend_memory_contexts needs pg_read_all_stats, which the resting role lacks and the session's own user may have. */
const AS_OWN = encodeStatement({ text: "select set_config('role', 'none', false)" });
const AS_NONE = encodeStatement({ text: "select set_config('role', 'tidemark_none', false)" });
/** A plan is as large as its query and exists only after some runs, so each query is counted twice in its place. */
const BYTES = encodeStatement({
  text: `select coalesce(sum(total_bytes * case name when 'CachedPlanQuery' then 2 when 'CachedPlanSource' then 1 else 0 end), 0)::float8 as bytes
         from pg_backend_memory_contexts where name in ('CachedPlanQuery', 'CachedPlanSource')`,
});
/** insufficient_privilege, and undefined_table on servers before 14. */
const UNREADABLE = new Set(['42501', '42P01']);

export async function measurePrepared(connection: PooledConnection): Promise<void> {
  try {
    if (connection.rest === 'none') await connection.send(AS_OWN, TIMEOUT_MS);
    const bytes = await readBytes(connection);
    if (connection.rest === 'none') await connection.send(AS_NONE, TIMEOUT_MS);
    connection.prepared.measured(bytes);
  } catch (error) {
    connection.discard(error as Error);
    throw error;
  }
}

async function readBytes(connection: PooledConnection): Promise<number | undefined> {
  try {
    const rows = await connection.send<{ bytes: number }>(BYTES, TIMEOUT_MS);
    return rows[0]?.bytes;
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    // After any other error, such as a timeout on a busy server, the estimate is used until the next time.
    return UNREADABLE.has(error.code) ? undefined : connection.prepared.bytes;
  }
}
