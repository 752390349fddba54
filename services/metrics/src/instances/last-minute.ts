import type { LatencyHistory } from '../history/latencies.ts';

export interface Measured {
  /** The series of sketches. */
  names: readonly string[];
  quantile: number;
  /** The percentile that each instance measured itself, by `<service>/<instance>`. */
  instances: readonly (readonly [source: string, ms: number | null | undefined])[];
}

const MINUTE_MS = 60_000;

/**
 * Returns the percentile over all instances in the last minute, from their sketches. Instances of an earlier version send none:
 * where one of them is slower, the answer is its own percentile. Null where nobody measured.
 */
export function lastMinute(
  latencies: Pick<LatencyHistory, 'quantiles' | 'hears'>,
  now: number,
  { names, quantile, instances }: Measured,
): number | null {
  // Windows are known once they have ended.
  const [merged] = latencies.quantiles(names, now - MINUTE_MS - 10_000, now, [quantile]) ?? [];
  const others = instances.flatMap(([source, ms]) => (latencies.hears(source) ? [] : (ms ?? [])));
  if (merged === undefined && others.length === 0) return instances.some(([, ms]) => typeof ms === 'number') ? 0 : null;
  return Math.max(merged ?? 0, ...others);
}
