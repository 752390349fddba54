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
  const latest = twice(traffic);
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

/** Each window is sent in two messages, because one may be lost, and in no more, because it is large. */
function twice(traffic: TrafficWindows): () => Pick<ReturnType<TelemetryOptions['sections']>, 'traffic'> {
  let to = 0;
  let sent = 0;
  return () => {
    const latest = traffic.latest();
    if (!latest) return {};
    if (latest.to !== to) [to, sent] = [latest.to, 0];
    sent += 1;
    return sent <= 2 ? { traffic: latest } : {};
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
