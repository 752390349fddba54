/** Samples of a second → one value for each step: the mean, and the least and greatest, which a mean would hide. */
import { type HistoryAnswer, rounded } from './history.ts';

export interface Stepped {
  mean: (number | null)[];
  /** Null where the step has no sample, as in the others. */
  min: (number | null)[];
  max: (number | null)[];
}

export interface Timeseries {
  /** The beginning of each step, ms since 1970. Steps are at multiples of their length, so that two answers fit together. */
  at: number[];
  series: Record<string, Stepped>;
  missing: string[];
}

export function stepped({ at, series, missing }: HistoryAnswer, stepMs: number): Timeseries {
  const beginnings = [...new Set(at.map((time) => time - (time % stepMs)))];
  const indexOf = new Map(beginnings.map((beginning, index) => [beginning, index]));
  const slots = at.map((time) => indexOf.get(time - (time % stepMs)) as number);
  const result: Timeseries['series'] = {};
  for (const [name, values] of Object.entries(series)) result[name] = aggregate(values, slots, beginnings.length);
  return { at: beginnings, series: result, missing };
}

function aggregate(values: readonly (number | null)[], slots: readonly number[], count: number): Stepped {
  const sums = new Float64Array(count);
  const counts = new Uint32Array(count);
  const least = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const greatest = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  values.forEach((value, index) => {
    if (value === null) return;
    const slot = slots[index] as number;
    sums[slot] = (sums[slot] as number) + value;
    counts[slot] = (counts[slot] as number) + 1;
    least[slot] = Math.min(least[slot] as number, value);
    greatest[slot] = Math.max(greatest[slot] as number, value);
  });
  return {
    mean: [...sums].map((sum, slot) => rounded(sum / (counts[slot] as number))),
    min: [...least].map(rounded),
    max: [...greatest].map(rounded),
  };
}
