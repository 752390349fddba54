/** `latency.p99@gateway`, `latency.p50@gateway/pool write`: percentiles of sketches as series of steps. */
import { LATENCY_WINDOW_MS } from '@tidemark/contracts';
import { rounded } from './history.ts';
import type { LatencyHistory } from './latencies.ts';
import type { Timeseries } from './steps.ts';

const QUANTILES = { 'latency.p50': 0.5, 'latency.p95': 0.95, 'latency.p99': 0.99 } as const;
type LatencyFigure = keyof typeof QUANTILES;

export const isLatency = (pattern: string) => pattern.startsWith('latency.');

/** Returns the names of all series of latencies. */
export function latencyNames(latencies: LatencyHistory): string[] {
  const figures = Object.keys(QUANTILES);
  return latencies.names().flatMap((name) => figures.map((figure) => `${figure}@${name}`));
}

/** The percentile of all requests of a step, and the least and the greatest of its windows of 10 s. */
export function steppedLatencies(
  latencies: LatencyHistory,
  patterns: readonly string[],
  { from, now, stepMs }: { from: number; now: number; stepMs: number },
): Timeseries {
  const all = latencyNames(latencies);
  const matches = (pattern: string) => (name: string) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  const names = all.filter((name) => patterns.some((pattern) => matches(pattern)(name)));
  const at: number[] = [];
  for (let time = from - (from % stepMs); time < now; time += stepMs) at.push(time);
  const series: Timeseries['series'] = {};
  for (const name of names) {
    const [figure, ...rest] = name.split('@');
    const quantile = [QUANTILES[figure as LatencyFigure]];
    const between = (start: number, end: number) =>
      latencies.quantiles([rest.join('@')], Math.max(from, start), end, quantile)?.[0] ?? null;
    const windows = at.map((start) =>
      Array.from({ length: stepMs / LATENCY_WINDOW_MS }, (_, n) => start + n * LATENCY_WINDOW_MS).flatMap(
        (time) => between(time, time + LATENCY_WINDOW_MS) ?? [],
      ),
    );
    series[name] = {
      mean: at.map((start) => round(between(start, start + stepMs))),
      min: windows.map((values) => (values.length === 0 ? null : rounded(Math.min(...values)))),
      max: windows.map((values) => (values.length === 0 ? null : rounded(Math.max(...values)))),
    };
  }
  return { at, series, missing: patterns.filter((pattern) => !names.some(matches(pattern))) };
}

const round = (value: number | null) => (value === null ? null : rounded(value));

/** Joins two answers whose steps have the same length. */
export function joinedSeries(a: Timeseries, b: Timeseries): Timeseries {
  const at = [...new Set([...a.at, ...b.at])].sort((x, y) => x - y);
  const series: Timeseries['series'] = {};
  for (const one of [a, b]) {
    const places = new Map(one.at.map((time, index) => [time, index]));
    const spread = (values: (number | null)[]) => at.map((time) => values[places.get(time) ?? -1] ?? null);
    for (const [name, { mean, min, max }] of Object.entries(one.series)) {
      series[name] = { mean: spread(mean), min: spread(min), max: spread(max) };
    }
  }
  return { at, series, missing: [...a.missing, ...b.missing] };
}
