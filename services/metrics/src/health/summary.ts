/** The state of the system in some twenty figures. A figure that nobody reports is null, never 0. */
import { memoryOfAll } from '../instances/memory.ts';
import { poolsByName } from '../instances/pools.ts';
import { workersOfAll } from '../instances/workers.ts';
import type { HealthAnswer } from './answer.ts';

export function summaryOf(health: HealthAnswer) {
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
  const pools = Object.entries(poolsByName(instances)).map(([name, { utilization, waiting, waitP99Ms }]) => [
    name,
    { utilization, waiting, waitP99Ms },
  ]);
  return {
    at,
    status,
    problems: findings.filter(({ root }) => root === null).length,
    requests: {
      perSecond: sum('http.requests@gateway/'),
      errorsPerSecond: sum('http.errors@gateway/'),
      p50Ms: most(gateways.map(({ http }) => http?.p50Ms)),
      p95Ms: most(gateways.map(({ http }) => http?.p95Ms)),
      p99Ms: most(gateways.map(({ http }) => http?.p99Ms)),
    },
    pools: Object.fromEntries(pools),
    replicaLagMs: most(postgres.replication.map(({ lagMs }) => lagMs)),
    sockets: { open: sum('sockets.open@'), deliveriesPerSecond: sum('sockets.deliveries@') },
    workers: workersOfAll(instances),
    jobs,
    memory: memoryOfAll(instances),
  };
}
