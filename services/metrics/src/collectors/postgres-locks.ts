import { redactStatement } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';
import { type LockRoot, type LockSession, lockRoots, type PreparedTransaction } from './lock-tree.ts';

/** pg_blocking_pids locks the whole lock manager for a moment, for each waiter. */
const MAX_WAITERS = 200;

/**
 * pg_locks lists the locks of every database. Sessions of another database do not stop this one, and an OID is another
 * relation there. A shared relation has database 0.
 * The relation of a wait for a row: the waiter holds the row's tuple lock meanwhile.
 */
const WAITS = `
here as materialized (select oid from pg_database where datname = current_database()),
locks as materialized (
  select pid, mode, waitstart, locktype, transactionid, virtualtransaction, granted,
    case when database = 0 or database = (select oid from here) then relation end as relation
  from pg_locks
),
waits as materialized (
  select distinct on (pid) pid, mode, waitstart, locktype, transactionid,
    coalesce(relation, (select t.relation from locks t where t.pid = w.pid and t.granted and t.locktype = 'tuple' limit 1)) as relation
  from locks w
  where not granted and pid in (select pid from pg_stat_activity where datid = (select oid from here))
  order by pid limit ${MAX_WAITERS}
),
names as materialized (
  select c.oid, format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid in (select relation from waits)
)`;

const SESSIONS = `
with ${WAITS},
blocked as materialized (select pid, array(select unnest(pg_blocking_pids(pid)) except select 0) as pids from waits)
select a.pid, a.application_name as application, a.usename::text as "user", host(a.client_addr) as client,
  coalesce(a.state, a.backend_type) as state, to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') as "backendStart",
  (extract(epoch from a.xact_start) * 1000)::float8 as "transactionSince",
  (extract(epoch from a.state_change) * 1000)::float8 as "stateSince",
  left(a.query, 300) as statement,
  coalesce((
    select json_agg(distinct jsonb_build_object('mode', h.mode, 'relation', n.name))
    from locks h join names n on n.oid = h.relation where h.pid = a.pid and h.granted and h.locktype = 'relation'
  ), '[]') as held,
  case when w.pid is not null then json_build_object('mode', w.mode, 'relation', wn.name, 'pids', b.pids,
    'ms', extract(epoch from clock_timestamp() - w.waitstart) * 1000) end as wait
from pg_stat_activity a left join waits w on w.pid = a.pid left join blocked b on b.pid = a.pid
  left join names wn on wn.oid = w.relation
where w.pid is not null or a.pid in (select unnest(pids) from blocked)`;

/** pg_blocking_pids has 0 for prepared transactions, whose locks have no pid. */
const PREPARED = `
with ${WAITS}
select p.gid, p.owner::text, (extract(epoch from p.prepared) * 1000)::float8 as since,
  coalesce(json_agg(distinct jsonb_build_object('mode', h.mode, 'relation', n.name)) filter (where n.name is not null), '[]') as held,
  array_agg(distinct w.pid) as pids
from pg_prepared_xacts p
  join locks own on own.pid is null and own.transactionid = p.transaction
  join locks h on h.pid is null and h.virtualtransaction = own.virtualtransaction
  join waits w on 0 = any (pg_blocking_pids(w.pid)) and (w.transactionid = h.transactionid
    or (w.locktype = 'relation' and h.locktype = 'relation' and w.relation = h.relation))
  left join names n on n.oid = h.relation
where p.database = current_database()
group by p.gid, p.owner, p.prepared`;

/** Every session that sessions of this database wait for, with its waiters; at most 200 waiters. */
export async function readLocks(pool: Pool, options: Parameters<Pool['query']>[2]): Promise<LockRoot[]> {
  const sessions = await pool.query<LockSession>(SESSIONS, [], options);
  const prepared = await pool.query<PreparedTransaction>(PREPARED, [], options);
  return lockRoots(
    sessions.map((session) => ({ ...session, statement: redactStatement(session.statement) })),
    prepared,
  );
}
