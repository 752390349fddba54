import type { PlanCache } from '@tidemark/plan';
import type { Metrics } from '@tidemark/service';

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
