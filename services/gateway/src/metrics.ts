import type { PlanCache } from '@tidemark/plan';
import type { Metrics } from '@tidemark/service';

/** What the page of metrics shows of the compiled plans. */
export function registerPlanMetrics(metrics: Metrics, plans: PlanCache): void {
  metrics.gauge('tidemark_plans', 'Compiled plans kept', [], (gauge) => gauge.set(plans.counts().plans));
  metrics.gauge('tidemark_plan_lookups_total', 'Reads by how they were planned', ['result'], (gauge) => {
    const { hits, misses, unfit } = plans.counts();
    gauge.set({ result: 'hit' }, hits);
    gauge.set({ result: 'miss' }, misses);
    gauge.set({ result: 'unfit' }, unfit);
  });
}
