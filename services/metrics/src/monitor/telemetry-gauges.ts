/**
 * Telemetry of all instances as gauges, so that one scrape target shows the whole system. Labels: `source` is
 * `<service>/<instance>`, of which there are at most METRICS_INSTANCES_MAX; pools and replicas are bounded by the contract.
 */
import type { Metrics } from '@tidemark/service';
import type { HealthAnswer } from '../health/answer.ts';

type Telemetry = HealthAnswer['instances'][number];

const STATUS = { ok: 0, degraded: 1, down: 2 };

/** Figures with one value an instance. */
const PER_INSTANCE: readonly [name: string, help: string, read: (t: Telemetry) => number | null | undefined][] = [
  ['tidemark_instance_ready', '1 when the instance takes work', (t) => Number(t.ready)],
  ['tidemark_instance_resident_bytes', 'Resident memory', (t) => t.process.rssBytes],
  ['tidemark_instance_event_loop_p99_seconds', 'Delay of the event loop', (t) => t.process.eventLoopDelayP99Ms / 1_000],
  ['tidemark_instance_http_p99_seconds', 'Latency over the last minute', (t) => t.http && t.http.p99Ms / 1_000],
  ['tidemark_instance_http_requests_total', 'Requests since its start', (t) => t.http?.requestsTotal],
  ['tidemark_instance_http_errors_total', 'Answers with 5xx since its start', (t) => t.http?.errorsTotal],
  ['tidemark_instance_sockets', 'Open WebSockets', (t) => t.sockets?.open],
  ['tidemark_instance_deliveries_total', 'Changes delivered since its start', (t) => t.sockets?.deliveredTotal],
  ['tidemark_instance_relay_lag_bytes', 'WAL that the active relay is behind', (t) => t.relay?.lagBytes],
  ['tidemark_instance_workers_busy', 'Threads that run a chunk', (t) => t.workers?.busy],
  ['tidemark_instance_items_total', 'Items of jobs done since its start', (t) => t.workers?.itemsDoneTotal],
];

export function registerTelemetryGauges(metrics: Metrics, health: () => HealthAnswer): void {
  metrics.gauge('tidemark_status', '0 ok, 1 degraded, 2 down', [], (gauge) => gauge.set(STATUS[health().status]));
  metrics.gauge('tidemark_problems', 'Problems in the health answer', [], (gauge) =>
    gauge.set(health().problems.length),
  );

  for (const [name, help, read] of PER_INSTANCE) {
    metrics.gauge(name, help, ['source'], (gauge) => {
      gauge.reset();
      for (const telemetry of health().instances) {
        const value = read(telemetry);
        if (typeof value === 'number') gauge.set({ source: sourceOf(telemetry) }, value);
      }
    });
  }

  metrics.gauge('tidemark_instance_up', '1 live, 0 lost', ['source'], (gauge) => {
    gauge.reset();
    for (const telemetry of health().instances) gauge.set({ source: sourceOf(telemetry) }, 1);
    for (const lost of health().lost) gauge.set({ source: sourceOf(lost) }, 0);
  });

  const pools = (name: string, help: string, read: (pool: NonNullable<Telemetry['pools']>[number]) => number) =>
    metrics.gauge(name, help, ['source', 'pool'], (gauge) => {
      gauge.reset();
      for (const telemetry of health().instances) {
        for (const pool of telemetry.pools ?? [])
          gauge.set({ source: sourceOf(telemetry), pool: pool.name }, read(pool));
      }
    });
  pools('tidemark_instance_pool_utilisation_ratio', 'Busy / max', (pool) => pool.utilisation);
  pools('tidemark_instance_pool_limit_slots', 'Slots that may be in use', (pool) => pool.limit ?? pool.max);
  pools(
    'tidemark_instance_pool_prepared_bytes',
    'Memory of the prepared statements of all connections',
    (pool) => pool.preparedBytes ?? 0,
  );
  pools(
    'tidemark_instance_pool_statistics_bytes',
    'Memory of the statistics of statements',
    (pool) => pool.statisticsBytes ?? 0,
  );
  pools(
    'tidemark_instance_pool_replaced_total',
    'Connections replaced because their prepared statements had filled their budget',
    (pool) => pool.replacedTotal ?? 0,
  );
  pools(
    'tidemark_instance_pool_evicted_total',
    'Prepared statements closed to make room for others',
    (pool) => pool.evictedTotal ?? 0,
  );
  pools('tidemark_instance_pool_waiting', 'Requests that wait for a slot', (pool) => pool.waiting);

  metrics.gauge('tidemark_replica_lag_seconds', 'Age of what the replica has not replayed', ['replica'], (gauge) => {
    gauge.reset();
    for (const { name, lagMs } of health().postgres.replication) {
      if (lagMs !== null) gauge.set({ replica: name }, lagMs / 1_000);
    }
  });
  metrics.gauge('tidemark_replication_slot_retained_bytes', 'WAL that the slot keeps', ['slot'], (gauge) => {
    gauge.reset();
    for (const { name, retainedBytes } of health().postgres.slots) {
      if (retainedBytes !== null) gauge.set({ slot: name }, retainedBytes);
    }
  });
  metrics.gauge('tidemark_postgres_connections', 'Client connections', ['state'], (gauge) => {
    gauge.reset();
    const { connections } = health().postgres;
    if (!connections) return;
    gauge.set({ state: 'active' }, connections.active);
    gauge.set({ state: 'idle_in_transaction' }, connections.idleInTransaction);
    gauge.set({ state: 'idle' }, connections.total - connections.active - connections.idleInTransaction);
  });
  metrics.gauge('tidemark_jobs', 'Jobs that are not finished', ['state'], (gauge) => {
    gauge.set({ state: 'queued' }, health().jobs.queued);
    gauge.set({ state: 'running' }, health().jobs.running);
  });
  metrics.gauge('tidemark_collector_failing', '1 while the collector fails', ['collector'], (gauge) => {
    for (const { name, error } of health().collectors) gauge.set({ collector: name }, error === null ? 0 : 1);
  });
}

const sourceOf = ({ service, instance }: { service: string; instance: string }) => `${service}/${instance}`;
