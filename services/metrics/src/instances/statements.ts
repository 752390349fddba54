/** Figures of one statement over all instances, the most total time first. */
import type { StatementFigures, Telemetry } from '@tidemark/contracts';

export interface MergedStatement extends StatementFigures {
  /** `<service>/<instance>` */
  instances: string[];
}

const SUMS = ['callsTotal', 'errorsTotal', 'slowTotal', 'rowsTotal', 'bytesTotal', 'totalMs'] as const;
/** Percentiles do not add up: those of the slowest instance are shown. */
const WORST = ['waitP50Ms', 'waitP95Ms', 'waitP99Ms', 'p50Ms', 'p95Ms', 'p99Ms'] as const;

export function mergedStatements(instances: readonly Telemetry[]): MergedStatement[] {
  const merged = new Map<string, MergedStatement>();
  for (const { service, instance, statements = [] } of instances) {
    const name = `${service}/${instance}`;
    for (const figures of statements) {
      const known = merged.get(figures.id);
      if (known === undefined) {
        merged.set(figures.id, { ...figures, instances: [name] });
        continue;
      }
      known.instances.push(name);
      for (const key of SUMS) known[key] += figures[key];
      for (const key of WORST) known[key] = Math.max(known[key], figures[key]);
    }
  }
  return [...merged.values()].sort((a, b) => b.totalMs - a.totalMs);
}
