/**
 * One scrape target shows the whole system. METRICS_INSTANCES_MAX bounds the label `source` (`<service>/<instance>`).
 */
import type { Metrics } from '@tidemark/service';
import type { HealthAnswer } from '../health/answer.ts';

type Telemetry = HealthAnswer['instances'][number];
type Pool = NonNullable<Telemetry['pools']>[number];
type Value = number | null | undefined;
type Reading = readonly [labels: Record<string, string>, value: Value];

const STATUS = { ok: 0, degraded: 1, down: 2 };

const PER_INSTANCE: readonly [name: string, help: string, read: (t: Telemetry) => Value][] = [
  ['tidemark_instance_ready', '1 when the instance is ready', (t) => Number(t.ready)],
  ['tidemark_instance_resident_bytes', 'Resident memory', (t) => t.process.rssBytes],
  ['tidemark_instance_event_loop_p99_seconds', 'Event loop delay, p99', (t) => t.process.eventLoopDelayP99Ms / 1_000],
  [
    'tidemark_instance_http_p99_seconds',
    'Request latency over the last minute, p99',
    (t) => t.http && t.http.p99Ms / 1_000,
  ],
  ['tidemark_instance_http_requests_total', 'Requests since the instance started', (t) => t.http?.requestsTotal],
  [
    'tidemark_instance_http_errors_total',
    'Responses with status 5xx since the instance started',
    (t) => t.http?.errorsTotal,
  ],
  ['tidemark_instance_sockets', 'Open WebSockets', (t) => t.sockets?.open],
  [
    'tidemark_instance_deliveries_total',
    'Changes delivered since the instance started',
    (t) => t.sockets?.deliveredTotal,
  ],
  ['tidemark_instance_relay_lag_bytes', 'WAL that the active relay has not processed', (t) => t.relay?.lagBytes],
  ['tidemark_instance_workers_busy', 'Worker threads that process a chunk', (t) => t.workers?.busy],
  ['tidemark_instance_items_total', 'Job items processed since the instance started', (t) => t.workers?.itemsDoneTotal],
];

const PER_POOL: readonly [name: string, help: string, read: (pool: Pool) => Value][] = [
  ['tidemark_instance_pool_utilisation_ratio', 'Busy connections divided by the maximum', (pool) => pool.utilisation],
  ['tidemark_instance_pool_limit_slots', 'Connections that may be in use', (pool) => pool.limit ?? pool.max],
  ['tidemark_instance_pool_prepared_bytes', 'Memory used by prepared statements', (pool) => pool.preparedBytes ?? 0],
  [
    'tidemark_instance_pool_statistics_bytes',
    'Memory used by statement statistics',
    (pool) => pool.statisticsBytes ?? 0,
  ],
  [
    'tidemark_instance_pool_replaced_total',
    'Connections replaced for too many prepared statements',
    (pool) => pool.replacedTotal ?? 0,
  ],
  [
    'tidemark_instance_pool_evicted_total',
    'Prepared statements closed to make room for new ones',
    (pool) => pool.evictedTotal ?? 0,
  ],
  ['tidemark_instance_pool_waiting', 'Requests that wait for a connection', (pool) => pool.waiting],
  [
    'tidemark_instance_pool_long_slots',
    'Connections used by statements with a p95 over 250 ms',
    (pool) => pool.long?.inUse,
  ],
  ['tidemark_instance_pool_long_waiting', 'Requests of such statements that wait', (pool) => pool.long?.waiting],
];

export function registerTelemetryGauges(metrics: Metrics, health: () => HealthAnswer): void {
  function gauge(name: string, help: string, labels: string[], read: (health: HealthAnswer) => Reading[]) {
    metrics.gauge(name, help, labels, (gauge) => {
      gauge.reset();
      for (const [labels, value] of read(health())) if (typeof value === 'number') gauge.set(labels, value);
    });
  }
  gauge('tidemark_status', '0 ok, 1 degraded, 2 down', [], ({ status }) => [[{}, STATUS[status]]]);
  gauge('tidemark_problems', 'Problems in the health response', [], ({ problems }) => [[{}, problems.length]]);
  for (const [name, help, read] of PER_INSTANCE) {
    gauge(name, help, ['source'], ({ instances }) =>
      instances.map((telemetry) => [{ source: sourceOf(telemetry) }, read(telemetry)]),
    );
  }
  gauge('tidemark_instance_up', '1 live, 0 lost', ['source'], ({ instances, lost }) => [
    ...instances.map((telemetry): Reading => [{ source: sourceOf(telemetry) }, 1]),
    ...lost.map((instance): Reading => [{ source: sourceOf(instance) }, 0]),
  ]);
  for (const [name, help, read] of PER_POOL) {
    gauge(name, help, ['source', 'pool'], ({ instances }) =>
      instances.flatMap((telemetry) =>
        (telemetry.pools ?? []).map((pool): Reading => [{ source: sourceOf(telemetry), pool: pool.name }, read(pool)]),
      ),
    );
  }
  gauge('tidemark_replica_lag_seconds', 'Age of the oldest WAL not replayed', ['replica'], ({ postgres }) =>
    postgres.replication.map(({ name, lagMs }) => [{ replica: name }, lagMs === null ? null : lagMs / 1_000]),
  );
  gauge('tidemark_replication_slot_retained_bytes', 'WAL retained by the slot', ['slot'], ({ postgres }) =>
    postgres.slots.map(({ name, retainedBytes }) => [{ slot: name }, retainedBytes]),
  );
  gauge('tidemark_postgres_connections', 'Client connections', ['state'], ({ postgres: { connections } }) => {
    if (!connections) return [];
    const { total, active, idleInTransaction } = connections;
    return [
      [{ state: 'active' }, active],
      [{ state: 'idle_in_transaction' }, idleInTransaction],
      [{ state: 'idle' }, total - active - idleInTransaction],
    ];
  });
  gauge('tidemark_jobs', 'Queued and running jobs', ['state'], ({ jobs }) => [
    [{ state: 'queued' }, jobs.queued],
    [{ state: 'running' }, jobs.running],
  ]);
  gauge('tidemark_collector_failing', '1 while the collector fails', ['collector'], ({ collectors }) =>
    collectors.map(({ name, error }) => [{ collector: name }, error === null ? 0 : 1]),
  );
}

const sourceOf = ({ service, instance }: { service: string; instance: string }) => `${service}/${instance}`;
