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
}

export type SlotState = PerformanceHealth['postgres']['slots'][number] & {
  /** Bytes of WAL that may still be written before the slot loses WAL; null without max_slot_wal_keep_size. */
  safeBytes: number | null;
};

const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 3_000;
const MAX_ROWS = 64;

/** pg_stat_replication also lists logical walsenders, such as that of the relay, which are not standbys. */
const REPLICAS = `
select coalesce(nullif(r.application_name, ''), host(r.client_addr), 'pid ' || r.pid) as name, r.state,
  r.replay_lsn::text as replay_lsn,
  (r.replay_lsn - '0/0'::pg_lsn)::float8 as replay_position,
  (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8 as primary_position,
  greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn))::float8 as lag_bytes,
  (extract(epoch from r.replay_lag) * 1000)::float8 as reported_ms
from pg_stat_replication r
where not exists (select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')
order by 1 limit ${MAX_ROWS}`;

const PAUSED = `
select pg_is_in_recovery() and pg_is_wal_replay_paused() as paused, 
  coalesce((select nullif(slot_name, '') from pg_stat_wal_receiver), nullif(current_setting('cluster_name'), '')) as name`;
const REPLICA_WAIT_MS = 500;

const SLOTS = `
select slot_name as name, slot_type as kind, active, wal_status as "walStatus",
  greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::float8 as "retainedBytes",
  safe_wal_size::float8 as "safeBytes"
from pg_replication_slots
where database is null or database = current_database()
order by 1 limit ${MAX_ROWS}`;

/** A replica that does not answer is not known to be paused: the primary tells whether it is connected. */
async function pausedReplicas(replicas: readonly Pool[], options: Parameters<Pool['query']>[2]): Promise<string[]> {
  const answers = await Promise.allSettled(
    replicas.map((replica) =>
      replica.query<{ paused: boolean; name: string }>(PAUSED, [], {
        ...options,
        acquireTimeoutMs: REPLICA_WAIT_MS,
        timeoutMs: REPLICA_WAIT_MS,
      }),
    ),
  );
  return answers.flatMap((answer, index) =>
    answer.status === 'fulfilled' && answer.value[0]?.paused ? [answer.value[0].name || `replica${index + 1}`] : [],
  );
}

export function replication(postgres: PostgresConnection): CollectorDefinition<Replication> {
  const options = { holder: { route: 'collector postgres replication' }, timeoutMs: TIMEOUT_MS };
  const estimator = createLagEstimator();
  return {
    name: 'postgres replication',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const pool = postgres.admin();
      const standbys = await pool.query(REPLICAS, [], options);
      const now = Date.now();
      const primary = standbys[0]?.primary_position as number | undefined;
      if (primary !== undefined) estimator.record(primary, now);
      const slots = await pool.query<SlotState>(SLOTS, [], options);
      return {
        replicas: standbys.map((row) => ({
          name: row.name,
          state: row.state,
          replayLsn: row.replay_lsn,
          lagBytes: row.lag_bytes,
          lagMs: row.replay_position === null ? null : estimator.lagMs(row.replay_position, row.reported_ms, now),
        })),
        slots: [...slots],
        paused: await pausedReplicas(postgres.replicas, options),
      };
    },
  };
}
