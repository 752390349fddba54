/** Every rule, and when it finds something. */
export const RULES = {
  'nats.down': 'NATS does not answer',
  'postgres.down': 'Postgres does not answer',
  'collector.fails': 'another collector fails',
  'instance.lost': 'an instance has been silent for METRICS_LOST_AFTER_MS',
  'service.absent': 'no instance of a service in METRICS_EXPECT reports itself',
  'instance.not_ready': 'an instance reports that it is not ready',
  'instance.loop_blocked': 'the event loop of an instance is blocked for 250 ms, p99',
  'lock.blocker': 'sessions have waited for 2 s for a lock of one session or prepared transaction',
  'transaction.old': 'a transaction is open for METRICS_TRANSACTION_ALERT_MS',
  'postgres.connections': '90 % of max_connections are used',
  'replica.lag': 'a replica is METRICS_REPLICA_LAG_ALERT_MS behind',
  'replica.unhealthy': 'a gateway sends a replica no reads',
  'slot.lost': 'a replication slot has lost WAL that it needed',
  'slot.retains': 'a replication slot retains METRICS_SLOT_ALERT_BYTES',
  'pool.leaks': 'connections of a pool are held for too long',
  'pool.refuses': 'a pool refuses requests',
  'pool.exhausted': 'a pool is fully used and requests wait',
  'requests.errors': '5 % of the responses of an instance have status 5xx',
  'relay.none': 'no relay is active',
  'relay.lag': 'the relay is 64 MiB of WAL behind',
  'stream.full': 'a stream is 90 % full and messages wait',
  'jobs.chunks_fail': 'chunks of jobs fail',
  'alerts.undelivered': 'a receiver of alerts, or the address of the heartbeat, does not accept requests',
} as const;

export type RuleName = keyof typeof RULES;
