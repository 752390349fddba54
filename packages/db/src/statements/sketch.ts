/** Two DDSketches (Masson, Rim, Lee, VLDB 2019) with 2 % relative error; the older is dropped every 30 seconds. */
import { DDSketch } from '@datadog/sketches-js';

const HALF_WINDOW_MS = 30_000;
const RELATIVE_ACCURACY = 0.02;

export class SlidingSketch {
  #current = newSketch();
  #previous = newSketch();
  #turnsAt: number;

  constructor(now: number = performance.now()) {
    this.#turnsAt = now + HALF_WINDOW_MS;
  }

  record(value: number, now: number = performance.now()): void {
    this.#turn(now);
    this.#current.accept(value);
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

const newSketch = () => new DDSketch({ relativeAccuracy: RELATIVE_ACCURACY });
