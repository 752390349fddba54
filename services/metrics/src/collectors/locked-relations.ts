/**
 * Size functions open their relation with ACCESS SHARE, which waits for ACCESS EXCLUSIVE, also for one that itself
 * waits. The lock_timeout of the connection covers a lock that is requested after this list was read.
 */
export const LOCKED_RELATIONS = `locked as materialized (
  select coalesce(array_agg(distinct relation), '{}') as oids from pg_locks
  where locktype = 'relation' and mode = 'AccessExclusiveLock'
    and database = (select oid from pg_database where datname = current_database())
)`;
