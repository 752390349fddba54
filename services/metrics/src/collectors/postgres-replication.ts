import type { PerformanceHealth } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';
import type { CollectorDefinition } from './collector.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { createLagEstimator } from './replica-lag.ts';

export interface Replication {
  replicas: PerformanceHealth['postgres']['replication'];
  slots: SlotState[];
  /** Names of replicas whose replay is paused. */
  paused: string[];
  /** Replicas that answer and have received nothing for some time in which the primary wrote. */
  cutOff: { name: string; forMs: number; streams: boolean }[];
}

export type SlotState = PerformanceHealth['postgres']['slots'][number] & {
  /** Bytes of WAL that may still be written before the slot loses WAL; null without max_slot_wal_keep_size. */
  safeBytes: number | null;
};

const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 3_000;
const MAX_ROWS = 64;

/** As JSON, so that one statement reads the slots and the replicas. */
const SLOTS = `(select coalesce(json_agg(s), '[]') from (
    select slot_name as name, slot_type as kind, active, wal_status as "walStatus",
      greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::float8 as "retainedBytes",
      safe_wal_size::float8 as "safeBytes"
    from pg_replication_slots where database is null or database = current_database()
    order by 1 limit ${MAX_ROWS}) s)`;

/** pg_stat_replication also lists logical walsenders, such as that of the relay, which are not standbys. */
const REPLICAS = `
select r.*, (w.lsn - '0/0'::pg_lsn)::float8 as primary_position,
  greatest(0, pg_wal_lsn_diff(w.lsn, r.replay_lsn::pg_lsn))::float8 as lag_bytes, ${SLOTS} as slots
from (select case when pg_is_in_recovery() then null else pg_current_wal_lsn() end as lsn) w
left join (
  select coalesce(nullif(r.application_name, ''), host(r.client_addr), 'pid ' || r.pid) as name, r.state,
    r.replay_lsn::text as replay_lsn,
    (r.replay_lsn - '0/0'::pg_lsn)::float8 as replay_position,
    (extract(epoch from r.replay_lag) * 1000)::float8 as reported_ms
  from pg_stat_replication r
  where not exists (select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')) r on true
order by r.name limit ${MAX_ROWS}`;

const STANDBY = `
select pg_is_in_recovery() and pg_is_wal_replay_paused() as paused,
  exists (select from pg_stat_wal_receiver) as streams,
  (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::float8 as received,
  coalesce(nullif(current_setting('primary_slot_name'), ''), nullif(current_setting('cluster_name'), '')) as name`;
const REPLICA_WAIT_MS = 500;

interface Standby extends Record<string, unknown> {
  paused: boolean;
  /** Whether a process receives WAL. The primary goes on counting one as connected for up to a minute (wal_sender_timeout). */
  streams: boolean;
  received: number | null;
  name: string;
}

/** A replica that does not answer is left out: the primary tells whether it is connected. */
async function askStandbys(replicas: readonly Pool[], options: Parameters<Pool['query']>[2]): Promise<Standby[]> {
  const ask = { ...options, acquireTimeoutMs: REPLICA_WAIT_MS };
  const answers = await Promise.allSettled(replicas.map((replica) => replica.query<Standby>(STANDBY, [], ask)));
  return answers.flatMap((answer, index) => {
    const standby = answer.status === 'fulfilled' ? answer.value[0] : undefined;
    return standby ? [{ ...standby, name: standby.name || `replica${index + 1}` }] : [];
  });
}

export function replication(postgres: PostgresConnection): CollectorDefinition<Replication> {
  const options = { holder: { route: 'collector postgres replication' } };
  const estimator = createLagEstimator();
  const received = new Map<string, { position: number; since: number }>();

  /** Returns for how long a replica has received nothing although the primary wrote: 0 while it receives, or nothing is written. */
  function cutOffMs({ name, received: position }: Standby, now: number): number {
    if (position === null) return 0;
    const last = received.get(name);
    const since = last?.position === position ? last.since : now;
    received.set(name, { position, since });
    return Math.min(now - since, estimator.lagMs(position, null, now));
  }

  return {
    name: 'postgres replication',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const pool = postgres.admin();
      const rows = await pool.query(REPLICAS, [], options);
      const now = Date.now();
      const primary = rows[0]?.primary_position as number | null | undefined;
      if (typeof primary === 'number') estimator.record(primary, now);
      const standbys = rows.filter(({ name }) => name !== null);
      const replicas = await askStandbys(postgres.replicas, options);
      const slots = (rows[0]?.slots ?? []) as SlotState[];
      return {
        replicas: standbys.map((row) => ({
          name: row.name,
          state: row.state,
          replayLsn: row.replay_lsn,
          lagBytes: row.lag_bytes,
          lagMs: row.replay_position === null ? null : estimator.lagMs(row.replay_position, row.reported_ms, now),
        })),
        slots,
        paused: replicas.filter(({ paused }) => paused).map(({ name }) => name),
        cutOff: replicas
          .map((one) => ({ name: one.name, forMs: cutOffMs(one, now), streams: one.streams }))
          .filter(({ forMs }) => forMs > 0),
      };
    },
  };
}
