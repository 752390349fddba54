/** All series share one ring of times, and a sample costs 4 bytes: seven digits are enough for a chart. A series without a value is dropped. */
export interface HistoryOptions {
  ticks: number;
  maxBytes: number;
}

export interface HistoryAnswer {
  /** ms since 1970, oldest first. */
  at: number[];
  series: Record<string, (number | null)[]>;
  missing: string[];
}

export interface History {
  /** Appends one value to each series. Values that are not finite are left out. */
  tick(at: number, samples: ReadonlyMap<string, number>): void;
  /** Returns the series that match a name or a prefix followed by `*`. Values are rounded to thousandths. */
  read(patterns: readonly string[], seconds: number): HistoryAnswer;
  names(): string[];
  refusedTotal(): number;
  bytes(): number;
}

interface Series {
  readonly values: Float32Array;
  lastTick: number;
}

const BYTES_PER_SAMPLE = Float32Array.BYTES_PER_ELEMENT;
const BYTES_PER_TIME = Float64Array.BYTES_PER_ELEMENT;

export function createHistory(options: HistoryOptions): History {
  const { ticks } = options;
  const seriesLimit = Math.floor(options.maxBytes / (ticks * BYTES_PER_SAMPLE));
  const clock = new Float64Array(ticks).fill(Number.NaN);
  const all = new Map<string, Series>();
  let tickNumber = -1;
  let refused = 0;

  function seriesFor(name: string): Series | undefined {
    const known = all.get(name);
    if (known) return known;
    if (all.size >= seriesLimit) {
      refused++;
      return undefined;
    }
    const created = { values: new Float32Array(ticks).fill(Number.NaN), lastTick: tickNumber };
    all.set(name, created);
    return created;
  }

  return {
    tick(at, samples) {
      const slot = ++tickNumber % ticks;
      clock[slot] = at;
      for (const [name, series] of all) {
        if (tickNumber - series.lastTick >= ticks) all.delete(name);
        else series.values[slot] = Number.NaN;
      }
      for (const [name, value] of samples) {
        if (!Number.isFinite(value)) continue;
        const series = seriesFor(name);
        if (!series) continue;
        series.values[slot] = value;
        series.lastTick = tickNumber;
      }
    },
    read(patterns, seconds) {
      const names = new Set<string>();
      const missing: string[] = [];
      for (const pattern of patterns) {
        const found = matching(all.keys(), pattern);
        if (found.length === 0) missing.push(pattern);
        for (const name of found) names.add(name);
      }
      const newest = tickNumber < 0 ? 0 : (clock[tickNumber % ticks] as number);
      const slots: number[] = [];
      for (let n = Math.max(0, tickNumber - ticks + 1); n <= tickNumber; n++) {
        if ((clock[n % ticks] as number) > newest - seconds * 1_000) slots.push(n % ticks);
      }
      const series: HistoryAnswer['series'] = {};
      for (const name of [...names].sort()) {
        const { values } = all.get(name) as Series;
        series[name] = slots.map((slot) => rounded(values[slot] as number));
      }
      return { at: slots.map((slot) => clock[slot] as number), series, missing };
    },
    names: () => [...all.keys()].sort(),
    refusedTotal: () => refused,
    bytes: () => ticks * (all.size * BYTES_PER_SAMPLE + BYTES_PER_TIME),
  };
}

function matching(names: Iterable<string>, pattern: string): string[] {
  if (!pattern.endsWith('*')) return [...names].filter((name) => name === pattern);
  const beginning = pattern.slice(0, -1);
  return [...names].filter((name) => name.startsWith(beginning));
}

export function rounded(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 1_000) / 1_000 : null;
}
