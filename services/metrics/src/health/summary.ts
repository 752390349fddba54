/** The state of the system in some twenty figures. A figure that nobody reports is null, never 0. */
import type { LatencyHistory } from '../history/latencies.ts';
import { lastMinute } from '../instances/last-minute.ts';
import { memoryOfAll } from '../instances/memory.ts';
import { poolsByName } from '../instances/pools.ts';
import { workersOfAll } from '../instances/workers.ts';
import type { HealthAnswer } from './answer.ts';

const FIGURES = { 0.5: 'p50Ms', 0.95: 'p95Ms', 0.99: 'p99Ms' } as const;

export function summaryOf(health: HealthAnswer, latencies: LatencyHistory) {
  const { at, status, findings, instances, samples, postgres, jobs } = health;
  const most = (values: readonly (number | null | undefined)[]) => {
    const known = values.filter((value) => typeof value === 'number');
    return known.length === 0 ? null : Math.max(...known);
  };
  const sum = (series: string) => {
    const known = Object.entries(samples).flatMap(([name, value]) =>
      name.startsWith(series) && value !== null ? value : [],
    );
    return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
  };
  const gateways = instances.filter(({ service }) => service === 'gateway');
  const [p50Ms, p95Ms, p99Ms] = ([0.5, 0.95, 0.99] as const).map((quantile) =>
    lastMinute(latencies, at, {
      names: ['gateway'],
      quantile,
      instances: gateways.map((one) => [`gateway/${one.instance}`, one.http?.[FIGURES[quantile]]]),
    }),
  );
  const requestPercentiles = { p50Ms, p95Ms, p99Ms };
  const pools = Object.entries(poolsByName(instances, latencies, at)).map(
    ([name, { utilization, waiting, waitP99Ms }]) => [name, { utilization, waiting, waitP99Ms }],
  );
  return {
    at,
    status,
    problems: findings.filter(({ root }) => root === null).length,
    requests: {
      perSecond: sum('http.requests@gateway/'),
      errorsPerSecond: sum('http.errors@gateway/'),
      ...requestPercentiles,
    },
    pools: Object.fromEntries(pools),
    replicaLagMs: most(postgres.replication.map(({ lagMs }) => lagMs)),
    sockets: { open: sum('sockets.open@'), deliveriesPerSecond: sum('sockets.deliveries@') },
    workers: workersOfAll(instances),
    jobs,
    memory: memoryOfAll(instances),
  };
}
