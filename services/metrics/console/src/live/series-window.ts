/** The last five minutes of every series are loaded from the history, then extended by each message. */
import type { HistoryAnswer } from '../../../src/history/history.ts';

export const WINDOW_S = 300;

export type Values = (number | null)[];

export interface SeriesWindow {
  /** Seconds since 1970, oldest first. */
  times(): number[];
  load(answer: HistoryAnswer): void;
  push(atMs: number, samples: Record<string, number | null>): void;
  /** Returns the series of a figure with their labels; '' for a series without label. */
  of(figure: string): { label: string; values: Values }[];
}

export function createSeriesWindow(): SeriesWindow {
  let times: number[] = [];
  let series = new Map<string, Values>();

  function cut(): void {
    const oldest = (times.at(-1) ?? 0) - WINDOW_S;
    const drop = times.findIndex((time) => time >= oldest);
    if (drop <= 0) return;
    times = times.slice(drop);
    for (const [name, values] of series) {
      const kept = values.slice(drop);
      if (kept.every((value) => value === null)) series.delete(name);
      else series.set(name, kept);
    }
  }

  return {
    times: () => times,
    load(answer) {
      times = answer.at.map((at) => at / 1_000);
      series = new Map(Object.entries(answer.series));
      cut();
    },
    push(atMs, samples) {
      const at = atMs / 1_000;
      const last = times.at(-1);
      // The first message repeats the last time of the history.
      if (last !== undefined && at <= last) return;
      const before = times.length;
      times = [...times, at];
      const names = new Set([...series.keys(), ...Object.keys(samples)]);
      for (const name of names) {
        const values = series.get(name) ?? new Array<null>(before).fill(null);
        series.set(name, [...values, samples[name] ?? null]);
      }
      cut();
    },
    of(figure) {
      const found: { label: string; values: Values }[] = [];
      for (const [name, values] of series) {
        if (name === figure) found.push({ label: '', values });
        else if (name.startsWith(`${figure}@`)) found.push({ label: name.slice(figure.length + 1), values });
      }
      return found.sort((a, b) => (a.label < b.label ? -1 : 1));
    },
  };
}
