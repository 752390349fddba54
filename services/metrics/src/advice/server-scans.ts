/** How often each server has read each index, and since when it counts. */
import type { Pool } from '@tidemark/db';

export interface ServerScans {
  server: string;
  /** ms since 1970. A crash, a reset and a new replica begin at zero, so a start of the server counts as a beginning. */
  since: number;
  /** The key is `<schema>.<index>`. */
  scans: ReadonlyMap<string, number>;
}

const SCANS = `
select s.schemaname || '.' || s.indexrelname as name, s.idx_scan::float8 as scans,
  (select (extract(epoch from greatest(stats_reset, pg_postmaster_start_time())) * 1000)::float8
    from pg_stat_database where datname = current_database()) as since
from pg_stat_user_indexes s`;

export async function readServerScans(server: string, pool: Pool): Promise<ServerScans> {
  const options = { holder: { route: 'index advice' }, timeoutMs: 10_000 };
  const rows = await pool.query<{ name: string; scans: number; since: number }>(SCANS, [], options);
  return {
    server,
    since: rows[0]?.since ?? Date.now(),
    scans: new Map(rows.map(({ name, scans }) => [name, scans])),
  };
}
