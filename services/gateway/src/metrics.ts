import type { Database } from '@tidemark/db';
import type { PlanCache } from '@tidemark/plan';
import { type BaseApp, httpStats, type Metrics, type TelemetryOptions } from '@tidemark/service';
import type { Cache } from './cache/cache.ts';
import { cacheStats, readStats } from './cache/cache-metrics.ts';
import type { TrafficWindows } from './http/requests/traffic-windows.ts';

export function telemetrySections(
  app: BaseApp,
  db: Database,
  cache: Cache | undefined,
  traffic: TrafficWindows,
  cacheBytes: number,
): TelemetryOptions['sections'] {
  const latest = once(traffic);
  return () => ({
    http: httpStats(app),
    ...latest(),
    reads: readStats(db, cache),
    ...(cache && { cache: cacheStats(cache, cacheBytes) }),
    pools: db.poolStats(),
    replicas: db.replicaStats(),
    statements: db.statements(20),
  });
}

/** Each window is sent in one message, since it is large; what a lost one said is also in the next, which overlaps it. */
function once(traffic: TrafficWindows): () => Pick<ReturnType<TelemetryOptions['sections']>, 'traffic'> {
  let sent = 0;
  return () => {
    const latest = traffic.latest();
    if (!latest || latest.to === sent) return {};
    sent = latest.to;
    return { traffic: latest };
  };
}

export function registerPlanMetrics(metrics: Metrics, plans: PlanCache): void {
  metrics.gauge('tidemark_plans', 'Cached plans', [], (gauge) => gauge.set(plans.counts().plans));
  metrics.gauge(
    'tidemark_plan_lookups_total',
    'Reads by the result of the lookup of their plan; unfit: it cannot be cached',
    ['result'],
    (gauge) => {
      const { hits, misses, unfit } = plans.counts();
      gauge.set({ result: 'hit' }, hits);
      gauge.set({ result: 'miss' }, misses);
      gauge.set({ result: 'unfit' }, unfit);
    },
  );
}
