/** Two DDSketches (Masson, Rim, Lee, VLDB 2019) with 2 % relative error; the older is dropped every 30 seconds. */
import { DDSketch } from '@datadog/sketches-js';
import { LATENCY_ACCURACY, LATENCY_WINDOW_MS, type LatencyBins, type LatencyWindow } from '@tidemark/contracts';

const HALF_WINDOW_MS = 30_000;
/** The bounds of what is recorded keep the keys of the bins in a known range. */
const MIN_MS = 0.001;
const MAX_MS = 1e7;
const bounded = (ms: number) => Math.min(MAX_MS, Math.max(MIN_MS, ms));

export class SlidingSketch {
  #current = newSketch();
  #previous = newSketch();
  #turnsAt: number;

  constructor(now: number = performance.now()) {
    this.#turnsAt = now + HALF_WINDOW_MS;
  }

  record(value: number, now: number = performance.now()): void {
    this.#turn(now);
    this.#current.accept(bounded(value));
  }

  get count(): number {
    return this.#current.count + this.#previous.count;
  }

  get mean(): number {
    return this.count === 0 ? 0 : (this.#current.sum + this.#previous.sum) / this.count;
  }

  quantile(q: number, now?: number): number {
    return mergedQuantiles([this], [q], now)[0] as number;
  }

  mergeInto(into: DDSketch, now: number = performance.now()): void {
    this.#turn(now);
    into.merge(this.#previous);
    into.merge(this.#current);
  }

  isEmpty(now: number): boolean {
    this.#turn(now);
    return this.count === 0;
  }

  clear(): void {
    this.#current = newSketch();
    this.#previous = newSketch();
  }

  #turn(now: number): void {
    if (now < this.#turnsAt) return;
    // After a longer pause the newer half is out of date as well.
    this.#previous = now < this.#turnsAt + HALF_WINDOW_MS ? this.#current : newSketch();
    this.#current = newSketch();
    this.#turnsAt = now + HALF_WINDOW_MS;
  }
}

/** A reader that misses a message still gets the window. */
const TOLD_MS = 2_500;
/** Also keeps the latencies of the last 10 s that have ended, by the wall clock, for telemetry. */
export class WindowedSketch extends SlidingSketch {
  #open: DDSketch | undefined;
  #number = 0;
  #ended: LatencyWindow | undefined;

  override record(value: number, now: number = performance.now()): void {
    super.record(value, now);
    this.#turnWindow(now);
    this.#open ??= newSketch();
    this.#open.accept(bounded(value));
  }

  /** Returns the window that has just ended; undefined later, and where nothing was recorded in it. */
  window(now: number = performance.now()): LatencyWindow | undefined {
    this.#turnWindow(now);
    return this.#ended && performance.timeOrigin + now - this.#ended.to < TOLD_MS ? this.#ended : undefined;
  }

  #turnWindow(now: number): void {
    const number = Math.floor((performance.timeOrigin + now) / LATENCY_WINDOW_MS);
    if (number === this.#number) return;
    this.#ended = this.#open && { to: (this.#number + 1) * LATENCY_WINDOW_MS, bins: binsOf(this.#open) };
    this.#open = undefined;
    this.#number = number;
  }
}

function binsOf({ store: { bins, offset } }: DDSketch): LatencyBins {
  const pairs: number[] = [];
  bins.forEach((count, index) => {
    if (count > 0) pairs.push(index + offset, count);
  });
  return pairs;
}

/** Returns the percentiles of all latencies in those bins; undefined where there are none. */
export function quantilesOfBins(all: Iterable<ArrayLike<number>>, quantiles: readonly number[]): number[] | undefined {
  const merged = newSketch();
  for (const bins of all) {
    for (let at = 0; at + 1 < bins.length; at += 2) {
      merged.accept(merged.mapping.value(bins[at] as number), bins[at + 1] as number);
    }
  }
  return merged.count === 0 ? undefined : quantiles.map((q) => merged.getValueAtQuantile(q));
}

export function mergedQuantiles(
  sketches: readonly SlidingSketch[],
  quantiles: readonly number[],
  now: number = performance.now(),
): number[] {
  // Most statements and routes have had no run lately, and telemetry reads all of them each second.
  const filled = sketches.filter((sketch) => !sketch.isEmpty(now));
  if (filled.length === 0) return quantiles.map(() => 0);
  const merged = newSketch();
  for (const sketch of filled) sketch.mergeInto(merged, now);
  return quantiles.map((q) => Math.max(0, merged.getValueAtQuantile(q)));
}

export function mergedBins(sketches: readonly SlidingSketch[], now: number = performance.now()): LatencyBins {
  const merged = newSketch();
  for (const sketch of sketches) sketch.mergeInto(merged, now);
  return binsOf(merged);
}

const newSketch = () => new DDSketch({ relativeAccuracy: LATENCY_ACCURACY });
