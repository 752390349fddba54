/** Series of the range of the address; new steps are fetched as they end. */
import { useMemo } from 'preact/hooks';
import type { SteppedAnswer } from '../../../src/history/read-timeseries.ts';
import { rangeOf } from '../address/range.ts';
import { useAddress } from '../address/router.tsx';
import { useAnswer } from './use-answer.ts';

export type Values = (number | null)[];

export interface SeriesView {
  /** Seconds since 1970, oldest first. */
  times: number[];
  /** s */
  span: number;
  /** Returns the series of a figure with their labels, sorted; '' for a series without label. */
  of(figure: string, labels?: string): { label: string; values: Values }[];
  at: number | undefined;
  problem: string | undefined;
}

const MIN_EVERY_MS = 5_000;

export function useSeries(metrics: readonly string[]): SeriesView {
  const { params } = useAddress();
  const range = rangeOf(params);
  const path = `timeseries?metric=${encodeURIComponent(metrics.join())}&step=${range.stepS}&last=${range.seconds}`;
  const { value, at, problem } = useAnswer<SteppedAnswer>(path, {
    everyMs: Math.max(MIN_EVERY_MS, range.stepS * 1_000),
  });
  return useMemo(() => {
    const series = Object.entries(value?.series ?? {});
    return {
      times: (value?.at ?? []).map((ms) => ms / 1_000),
      span: range.seconds,
      of: (figure: string, labels = '') =>
        series
          .filter(([name]) => name === figure || name.startsWith(`${figure}@${labels}`))
          .map(([name, { mean }]) => ({ label: name.slice(figure.length + 1), values: mean })),
      at,
      problem,
    };
  }, [value, at, problem, range.seconds]);
}

/** Adds series up, or takes the highest value of each time; null where none of them has one. */
export function merged(series: readonly { values: Values }[], how: 'sum' | 'max'): Values {
  const length = Math.max(0, ...series.map(({ values }) => values.length));
  return Array.from({ length }, (_, index) => {
    const known = series.flatMap(({ values }) => values[index] ?? []);
    if (known.length === 0) return null;
    return how === 'max' ? Math.max(...known) : known.reduce((total, value) => total + value, 0);
  });
}
