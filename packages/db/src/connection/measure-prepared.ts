/** Asks a backend how much memory its prepared statements take. */
import { encodeStatement } from '../sql/param.ts';
import { PostgresError } from './postgres-error.ts';
import type { Slot } from './connection.ts';

/** Reading the list of contexts takes a few ms. */
const TIMEOUT_MS = 2_000;
/** Reading pg_backend_memory_contexts takes pg_read_all_stats, which the resting role lacks and the session's own user may have. */
const AS_OWN = encodeStatement({ text: "select set_config('role', 'none', false)" });
const AS_NONE = encodeStatement({ text: "select set_config('role', 'tidemark_none', false)" });
/** A plan is as large as its query and comes only after some runs, so each query is counted twice in its place. */
const BYTES = encodeStatement({
  text: `select coalesce(sum(total_bytes * case name when 'CachedPlanQuery' then 2 when 'CachedPlanSource' then 1 else 0 end), 0)::float8 as bytes
         from pg_backend_memory_contexts where name in ('CachedPlanQuery', 'CachedPlanSource')`,
});
/** insufficient_privilege, and undefined_table on servers before 14. */
const UNREADABLE = new Set(['42501', '42P01']);

/** Corrects the estimate of an idle slot. Rejects only when the connection is of no more use; it is discarded then. */
export async function measurePrepared(slot: Slot): Promise<void> {
  try {
    if (slot.rest === 'none') await slot.send(AS_OWN, TIMEOUT_MS);
    const bytes = await readBytes(slot);
    if (slot.rest === 'none') await slot.send(AS_NONE, TIMEOUT_MS);
    slot.prepared.measured(bytes);
  } catch (error) {
    // Its role is not known any more.
    slot.discard(error as Error);
    throw error;
  }
}

async function readBytes(slot: Slot): Promise<number | undefined> {
  try {
    const rows = await slot.send<{ bytes: number }>(BYTES, TIMEOUT_MS);
    return rows[0]?.bytes;
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    // Anything else, such as a timeout on a busy server: the estimate stands until the next time.
    return UNREADABLE.has(error.code) ? undefined : slot.prepared.bytes;
  }
}
