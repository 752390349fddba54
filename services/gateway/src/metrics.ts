import type { Database } from '@tidemark/db';
import type { PlanCache } from '@tidemark/plan';
import { type BaseApp, httpStats, type Metrics, type TelemetryOptions } from '@tidemark/service';
import type { Cache } from './cache/cache.ts';
import { readStats } from './cache/cache-metrics.ts';

export function telemetrySections(app: BaseApp, db: Database, cache: Cache | undefined): TelemetryOptions['sections'] {
  return () => ({
    http: httpStats(app),
    reads: readStats(db, cache),
    pools: db.poolStats(),
    replicas: db.replicaStats(),
    statements: db.statements(20),
  });
}

export function registerPlanMetrics(metrics: Metrics, plans: PlanCache): void {
  metrics.gauge('tidemark_plans', 'Cached plans', [], (gauge) => gauge.set(plans.counts().plans));
  metrics.gauge(
    'tidemark_plan_lookups_total',
    'Reads by whether their plan was cached; unfit: it cannot be',
    ['result'],
    (gauge) => {
      const { hits, misses, unfit } = plans.counts();
      gauge.set({ result: 'hit' }, hits);
      gauge.set({ result: 'miss' }, misses);
      gauge.set({ result: 'unfit' }, unfit);
    },
  );
}
