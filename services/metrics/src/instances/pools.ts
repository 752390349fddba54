/** The pools of one name, over all instances: counts are sums, waits are percentiles over all of them. */
import type { PoolStats, Telemetry } from '@tidemark/contracts';
import type { LatencyHistory } from '../history/latencies.ts';
import { lastMinute } from './last-minute.ts';

export interface PoolSummary {
  min: number;
  max: number;
  busy: number;
  idle: number;
  connecting: number;
  /** busy / max, 0 to 1, over the last second. */
  utilization: number;
  waiting: number;
  waitingLimit: number;
  waitP50Ms: number;
  waitP99Ms: number;
  refusedTotal: number;
  timeoutsTotal: number;
  leaksTotal: number;
  instances: ({ service: string; instance: string } & PoolStats)[];
}

export function poolsByName(
  instances: readonly Telemetry[],
  latencies: LatencyHistory,
  now: number,
): Record<string, PoolSummary> {
  const byName = new Map<string, PoolSummary['instances']>();
  for (const { service, instance, pools = [] } of instances) {
    for (const pool of pools) {
      const known = byName.get(pool.name);
      if (known) known.push({ service, instance, ...pool });
      else byName.set(pool.name, [{ service, instance, ...pool }]);
    }
  }
  return Object.fromEntries([...byName].sort().map(([name, pools]) => [name, summary(pools, latencies, now)]));
}

function summary(pools: PoolSummary['instances'], latencies: LatencyHistory, now: number): PoolSummary {
  const sum = (read: (pool: PoolStats) => number) => pools.reduce((total, pool) => total + read(pool), 0);
  const names = [...new Set(pools.map(({ service, name }) => `${service}/pool ${name}`))];
  const wait = (quantile: number, of: (pool: PoolStats) => number) =>
    lastMinute(latencies, now, {
      names,
      quantile,
      instances: pools.map((pool) => [`${pool.service}/${pool.instance}`, of(pool)]),
    }) ?? 0;
  const max = sum((pool) => pool.max);
  return {
    min: sum((pool) => pool.min),
    max,
    busy: sum((pool) => pool.slots.busy),
    idle: sum((pool) => pool.slots.idle),
    connecting: sum((pool) => pool.slots.connecting),
    utilization: max === 0 ? 0 : sum((pool) => pool.utilisation * pool.max) / max,
    waiting: sum((pool) => pool.waiting),
    waitingLimit: sum((pool) => pool.waitingLimit),
    waitP50Ms: wait(0.5, (pool) => pool.waitP50Ms),
    waitP99Ms: wait(0.99, (pool) => pool.waitP99Ms),
    refusedTotal: sum((pool) => pool.refusedTotal),
    timeoutsTotal: sum((pool) => pool.timeoutsTotal),
    leaksTotal: sum((pool) => pool.leaksTotal),
    instances: pools,
  };
}
