import type { Pool } from '@tidemark/db';
import type { Config } from '../../config.ts';
import type { SharedLevel } from './shared-level.ts';

/** A clone of a database may have the same epoch, but not the same system identifier and oid. */
const NAMESPACE = `select (select system_identifier from pg_control_system())::text || '.' || oid as name
  from pg_database where datname = current_database()`;

/** `pool` must be allowed to read pg_control_system(). */
export async function openSharedLevel(
  config: Config,
  pool: Pool,
  onError: (error: Error) => void,
): Promise<SharedLevel | undefined> {
  if (config.CACHE_URL === '') return undefined;
  const { SharedLevel } = await import('./shared-level.ts');
  const [database] = await pool.query<{ name: string }>(NAMESPACE);
  return new SharedLevel({
    url: config.CACHE_URL,
    namespace: database?.name as string,
    ttlSeconds: config.CACHE_SHARED_TTL_S,
    timeoutMs: config.CACHE_SHARED_TIMEOUT_MS,
    maxBytes: config.CACHE_ENTRY_BYTES,
    onError,
  });
}
