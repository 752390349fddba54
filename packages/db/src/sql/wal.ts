/** SQL for WAL positions and snapshots: this file alone decides which position a tidemark may claim. */

/** The text of the snapshot of the statement: `xmin:xmax:xid,…`. On a standby it lists no running transactions. */
export const SNAPSHOT_SQL = 'pg_current_snapshot()::text';

/** A primary's insert position, as text: at or past every record that any snapshot taken so far sees. Fails on a standby. */
export const INSERTED_SQL = 'pg_current_wal_insert_lsn()::text';

export const SERVER_LSN_SQL =
  '(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end)::text';

/**
 * A position at or past the end of the last commit of this session, as a decimal number, which takes no parsing. The flushed position
 * is enough where a commit waits for its flush. With synchronous_commit off the record may still be unflushed, so it is the inserted one.
 */
export const COMMITTED_SQL = `((case when current_setting('synchronous_commit') = 'off' then pg_current_wal_insert_lsn()
  else pg_current_wal_flush_lsn() end) - '0/0'::pg_lsn)::text`;
