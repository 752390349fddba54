/** Joins the figures in memory (1 s, an hour) with those in Postgres (1 min for 48 hours, 15 min for 30 days). */
import type { Pool } from '@tidemark/db';
import { MINUTES, QUARTERS, readSamples } from '../store/sample-store.ts';
import type { History } from './history.ts';
import { stepped, type Timeseries } from './steps.ts';

export interface TimeseriesRequest {
  patterns: readonly string[];
  /** ms since 1970. */
  from: number;
  /** s. */
  step: number;
  now: number;
  maxPoints: number;
}

export interface SteppedAnswer extends Timeseries {
  /** s; longer than asked for where only longer steps are kept. */
  step: number;
}

export async function readTimeseries(
  history: History,
  pool: () => Pool,
  request: TimeseriesRequest,
): Promise<SteppedAnswer> {
  const { patterns, from, now, maxPoints } = request;
  const [oldest] = history.read(['*'], Number.MAX_SAFE_INTEGER).at;
  const kept = now - from <= MINUTES.keptMs ? MINUTES : QUARTERS;
  if (from >= (oldest ?? now)) return { step: request.step, ...recent(request.step) };
  const step = Math.ceil(request.step / kept.seconds) * kept.seconds;
  const newer = recent(step);
  // A step that began before the oldest sample in memory is whole in Postgres, or in neither.
  const isWhole = (at: number) => at >= (oldest ?? now);
  const to = newer.at.find(isWhole) ?? now;
  const older = await readSamples(pool(), { step: kept, patterns, from, to, seconds: step, maxPoints });
  const stored = new Set(older.at);
  return {
    step,
    ...joined(
      older,
      newer,
      newer.at.findIndex((at) => isWhole(at) || !stored.has(at)),
      patterns,
    ),
  };

  function recent(step: number): Timeseries {
    return stepped(history.read(patterns, Math.max(0, now - from) / 1_000), step * 1_000);
  }
}

function joined(
  older: Omit<Timeseries, 'missing'>,
  newer: Timeseries,
  first: number,
  patterns: readonly string[],
): Timeseries {
  const skip = first < 0 ? newer.at.length : first;
  const at = [...older.at, ...newer.at.slice(skip)];
  const names = [...new Set([...Object.keys(older.series), ...Object.keys(newer.series)])].sort();
  const series: Timeseries['series'] = {};
  for (const name of names) {
    const before = older.series[name];
    const after = newer.series[name];
    const part = (of: 'mean' | 'min' | 'max') => [
      ...(before?.[of] ?? older.at.map(() => null)),
      ...(after?.[of].slice(skip) ?? newer.at.slice(skip).map(() => null)),
    ];
    series[name] = { mean: part('mean'), min: part('min'), max: part('max') };
  }
  const isFound = (pattern: string) =>
    names.some((name) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
  return { at, series, missing: patterns.filter((pattern) => !isFound(pattern)) };
}
