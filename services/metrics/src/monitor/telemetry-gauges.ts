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
  ['tidemark_instance_pool_waiting', 'Requests that wait for a connection', (pool) => pool.waiting],
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
];

/** Sums over the instances of a service, whose name is the source: these figures need no culprit. */
const PER_SERVICE_POOL: readonly [name: string, help: string, read: (pool: Pool) => number | undefined][] = [
  [
    'tidemark_instance_pool_limit_slots',
    'Connections that may be in use, over all instances of a service',
    (pool) => pool.limit ?? pool.max,
  ],
  [
    'tidemark_instance_pool_prepared_bytes',
    'Memory used by prepared statements, over all instances of a service',
    (pool) => pool.preparedBytes,
  ],
  [
    'tidemark_instance_pool_statistics_bytes',
    'Memory used by statement statistics, over all instances of a service',
    (pool) => pool.statisticsBytes,
  ],
  [
    'tidemark_instance_pool_long_slots',
    'Connections used by statements with a p95 over 250 ms, over all instances of a service',
    (pool) => pool.long?.inUse,
  ],
  [
    'tidemark_instance_pool_long_waiting',
    'Requests of statements with a p95 over 250 ms that wait, over all instances of a service',
    (pool) => pool.long?.waiting,
  ],
];

/** 80 instances have some 400 pools. The fullest ones are shown, so that a page has at most 2,000 series. */
const MAX_POOLS = 150;

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
    gauge(name, `${help}: the ${MAX_POOLS} fullest pools`, ['source', 'pool'], ({ instances }) =>
      fullestPools(instances).map(({ source, pool }): Reading => [{ source, pool: pool.name }, read(pool)]),
    );
  }
  for (const [name, help, read] of PER_SERVICE_POOL) {
    gauge(name, help, ['source', 'pool'], ({ instances }) => sumsOfPools(instances, read));
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

function fullestPools(instances: readonly Telemetry[]): { source: string; pool: Pool }[] {
  const all = instances.flatMap((one) => (one.pools ?? []).map((pool) => ({ source: sourceOf(one), pool })));
  if (all.length <= MAX_POOLS) return all;
  return all
    .sort((a, b) => b.pool.waiting - a.pool.waiting || b.pool.utilisation - a.pool.utilisation)
    .slice(0, MAX_POOLS);
}

function sumsOfPools(instances: readonly Telemetry[], read: (pool: Pool) => number | undefined): Reading[] {
  const sums = new Map<string, { labels: { source: string; pool: string }; sum: number }>();
  for (const { service, pools = [] } of instances) {
    for (const pool of pools) {
      const value = read(pool);
      if (value === undefined) continue;
      const key = `${service} ${pool.name}`;
      const known = sums.get(key) ?? { labels: { source: service, pool: pool.name }, sum: 0 };
      known.sum += value;
      sums.set(key, known);
    }
  }
  return [...sums.values()].map(({ labels, sum }) => [labels, sum]);
}

const sourceOf = ({ service, instance }: { service: string; instance: string }) => `${service}/${instance}`;
