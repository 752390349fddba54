import { redactStatement } from '@tidemark/contracts';
import type { HealthAnswer } from '../health/answer.ts';
import type { CollectorDefinition } from './collector.ts';
import type { LockRoot } from './lock-tree.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { readLocks } from './postgres-locks.ts';

export interface Activity {
  version: string;
  walLsn: string;
  /** Client connections of the whole server, because max_connections applies to it; those that wait are of this database. */
  connections: { total: number; active: number; idleInTransaction: number; waitingForLock: number; max: number };
  /** Undefined in the first run, which has no previous one to compare with. */
  commitsPerSecond: number | undefined;
  walBytesPerSecond: number | undefined;
  oldestTransaction: OldestTransaction | null;
  /** Those with most connections; the pools of one of our instances count together. */
  applications: Application[];
  /** The statements that have run for longest, at most five. */
  running: RunningStatement[];
  locks: LockRoot[];
}
export interface Application {
  application: string;
  connections: number;
  idle: number;
}

export interface RunningStatement {
  pid: number;
  application: string;
  user: string | null;
  client: string | null;
  backendStart: string;
  seconds: number;
  /** It waits for a lock: the holder is the culprit. */
  waits: boolean;
  /** The text without literals. */
  statement: string;
}
type Totals = { at: number; commits: number; walBytes: number };
type ActivityRow = Pick<Activity, 'version' | 'walLsn' | 'applications' | 'running'> &
  Activity['connections'] &
  Totals & { oldest: OldestTransaction | null };
type OldestTransaction = NonNullable<NonNullable<HealthAnswer['activity']>['oldestTransaction']> & {
  /** Text of Postgres: it tells two processes with one pid apart. */
  backendStart: string;
};

const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 3_000;

const ACTIVITY = `
select current_setting('server_version') as version,
  pg_current_wal_lsn()::text as "walLsn",
  (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8 as "walBytes",
  (extract(epoch from clock_timestamp()) * 1000)::float8 as at,
  current_setting('max_connections')::int as max,
  (select xact_commit::float8 from pg_stat_database where datname = current_database()) as commits,
  (select coalesce(json_agg(a), '[]') from (
    select regexp_replace(application_name, '^(tidemark[ /][^/]+)/.*$', '\\1') as application, count(*)::int as connections,
      count(*) filter (where state = 'idle')::int as idle
    from pg_stat_activity where backend_type = 'client backend' group by 1 order by 2 desc limit 5) a) as applications,
  (select coalesce(json_agg(r), '[]') from (
    select pid, application_name as application, usename::text as "user", host(client_addr) as client,
      to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') as "backendStart",
      extract(epoch from clock_timestamp() - query_start)::float8 as seconds, wait_event_type is not distinct from 'Lock' as waits,
      left(query, 300) as statement
    from pg_stat_activity where backend_type = 'client backend' and state = 'active' and pid <> pg_backend_pid()
      and query_start < clock_timestamp() - interval '2 s'
    order by query_start limit 5) r) as running,
  (select row_to_json(o) from (
    select pid, application_name as application, coalesce(state, '') as state,
      to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') as "backendStart",
      extract(epoch from clock_timestamp() - xact_start)::float8 as seconds, left(query, 300) as statement
    from pg_stat_activity where backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()
    order by xact_start limit 1) o) as oldest,
  count(*)::int as total,
  count(*) filter (where state = 'active')::int as active,
  count(*) filter (where state like 'idle in transaction%')::int as "idleInTransaction",
  count(*) filter (where wait_event_type = 'Lock' and datname = current_database())::int as "waitingForLock"
from pg_stat_activity where backend_type = 'client backend'`;

export function activity(postgres: PostgresConnection): CollectorDefinition<Activity> {
  let before: Totals | undefined;
  const options = { holder: { route: 'collector postgres activity' } };
  return {
    name: 'postgres activity',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const pool = postgres.admin();
      const [row] = await pool.query<ActivityRow>(ACTIVITY, [], options);
      const { version, walLsn, at, commits, walBytes, applications, running, oldest, ...connections } =
        row as ActivityRow;
      // Reading the locks stops the lock manager for a moment, so it is done only while a session waits.
      const locks = connections.waitingForLock > 0 ? await readLocks(pool, options) : [];
      const seconds = before && (at - before.at) / 1_000;
      const perSecond = (now: number, then: number | undefined) =>
        then !== undefined && seconds ? Math.max(0, now - then) / seconds : undefined;
      const commitsPerSecond = perSecond(commits, before?.commits);
      const walBytesPerSecond = perSecond(walBytes, before?.walBytes);
      before = { at, commits, walBytes };
      return {
        version,
        walLsn,
        connections,
        commitsPerSecond,
        walBytesPerSecond,
        oldestTransaction: oldest ? { ...oldest, statement: redactStatement(oldest.statement) } : null,
        locks,
        applications,
        running: running.map((one) => ({ ...one, statement: redactStatement(one.statement) })),
      };
    },
  };
}
