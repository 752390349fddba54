/**
 * Latencies of the last hour as sketches of 10 s, merged over the instances of a service: percentiles of any longer time are
 * those of all its requests, and not a mean or maximum of percentiles.
 */
import { LATENCY_WINDOW_MS, type LatencyBins, type LatencyWindow, type Telemetry } from '@tidemark/contracts';
import { quantilesOfBins } from '@tidemark/db';

interface Series {
  /** Keys and counts by window, in a ring. */
  readonly bins: (Int32Array | undefined)[];
  newest: number;
}

const WINDOWS = 360;
/** All instances of a service share one, so that there are few: routes, pools, deliveries and items. */
const MAX_SERIES = 64;
/** An ordinary window has 20 to 60 bins, so that all series take some 6 MB. */
const MAX_BYTES = 16 * 1024 ** 2;

export class LatencyHistory {
  readonly #all = new Map<string, Series>();
  /** By source and series: each window comes two or three times. */
  readonly #heard = new Map<string, Map<string, number>>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  names(): string[] {
    return [...this.#all.keys()].sort();
  }

  record(source: string, telemetry: Telemetry, now: number): void {
    for (const [name, window] of windowsOf(telemetry)) {
      const heard = this.#heard.get(source) ?? new Map<string, number>();
      this.#heard.set(source, heard);
      if (heard.get(name) === window.to) continue;
      heard.set(name, window.to);
      // The clock of the sender may be wrong.
      this.#add(name, window.bins, Math.floor(Math.min(window.to - 1, now) / LATENCY_WINDOW_MS));
    }
  }

  /** Whether the instance sends sketches: one of an earlier version does not. */
  hears(source: string): boolean {
    return this.#heard.has(source);
  }

  /** An instance has gone for good. */
  forget(source: string): void {
    this.#heard.delete(source);
  }

  /** Percentiles over the series and over all windows that began in this time; null where there was nothing. */
  quantiles(names: readonly string[], from: number, to: number, quantiles: readonly number[]): number[] | null {
    return quantilesOfBins(this.#between(names, from, to), quantiles) ?? null;
  }

  *#between(names: readonly string[], from: number, to: number): Generator<Int32Array> {
    for (const name of names) {
      const series = this.#all.get(name);
      if (!series) continue;
      const first = Math.max(Math.ceil(from / LATENCY_WINDOW_MS), series.newest - WINDOWS + 1);
      for (let n = first; n <= series.newest && n * LATENCY_WINDOW_MS < to; n++) {
        const bins = series.bins[n % WINDOWS];
        if (bins) yield bins;
      }
    }
  }

  #add(name: string, added: LatencyBins, number: number): void {
    const series = this.#seriesOf(name, number);
    if (number <= series.newest - WINDOWS) return;
    for (let n = Math.max(series.newest + 1, number - WINDOWS + 1); n <= number; n++) this.#set(series, n, undefined);
    series.newest = Math.max(series.newest, number);
    this.#set(series, number, mergedBins(series.bins[number % WINDOWS], added));
    while (this.#bytes > MAX_BYTES) this.#dropOldest();
  }

  #set(series: Series, number: number, bins: Int32Array | undefined): void {
    const place = number % WINDOWS;
    this.#bytes += (bins?.byteLength ?? 0) - (series.bins[place]?.byteLength ?? 0);
    series.bins[place] = bins;
  }

  #seriesOf(name: string, number: number): Series {
    const known = this.#all.get(name);
    if (known) return known;
    // The one that was silent for longest makes room.
    if (this.#all.size >= MAX_SERIES) {
      this.#drop([...this.#all].reduce((a, b) => (b[1].newest < a[1].newest ? b : a))[0]);
    }
    const series: Series = { bins: new Array(WINDOWS).fill(undefined), newest: number - 1 };
    this.#all.set(name, series);
    return series;
  }

  #drop(name: string): void {
    for (const bins of this.#all.get(name)?.bins ?? []) this.#bytes -= bins?.byteLength ?? 0;
    this.#all.delete(name);
  }

  #dropOldest(): void {
    const oldest = Math.min(...[...this.#all.values()].map(oldestOf));
    for (const series of this.#all.values()) if (oldestOf(series) === oldest) this.#set(series, oldest, undefined);
  }
}

function oldestOf({ bins, newest }: Series): number {
  for (let n = newest - WINDOWS + 1; n <= newest; n++) if (bins[((n % WINDOWS) + WINDOWS) % WINDOWS]) return n;
  return Number.POSITIVE_INFINITY;
}

/** Yields the series that a window belongs to: `gateway`, `gateway/GET /rest/v1/:table`, `gateway/pool write`, `realtime/delivery`. */
function* windowsOf({ service, http, pools, sockets, workers }: Telemetry): Generator<[string, LatencyWindow]> {
  const all: LatencyBins[] = [];
  let to = 0;
  for (const { route, window } of http?.routes ?? []) {
    if (!window) continue;
    all.push(window.bins);
    to = window.to;
    yield [`${service}/${route}`, window];
  }
  if (all.length > 0) yield [service, { to, bins: all.flat() }];
  for (const { name, waitWindow } of pools ?? []) if (waitWindow) yield [`${service}/pool ${name}`, waitWindow];
  if (sockets?.deliveryWindow) yield [`${service}/delivery`, sockets.deliveryWindow];
  if (workers?.itemWindow) yield [`${service}/items`, workers.itemWindow];
}

/** Each key has one count, whatever order the added ones have. */
function mergedBins(known: Int32Array | undefined, added: LatencyBins): Int32Array {
  const counts = new Map<number, number>();
  for (const bins of [known ?? [], added]) {
    for (let at = 0; at + 1 < bins.length; at += 2) {
      const key = bins[at] as number;
      counts.set(key, (counts.get(key) ?? 0) + (bins[at + 1] as number));
    }
  }
  return Int32Array.from([...counts].sort(([a], [b]) => a - b).flat());
}
