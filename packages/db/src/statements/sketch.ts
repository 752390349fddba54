/**
 * Percentiles over the last half to whole minute, in bounded memory: two DDSketches (Masson et al., "DDSketch: a fast and
 * fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019) that take turns.
 */
import { DDSketch } from '@datadog/sketches-js';

const TURN_MS = 30_000;
const RELATIVE_ACCURACY = 0.02;

export class SlidingSketch {
  #current = newSketch();
  #previous = newSketch();
  #turnsAt = performance.now() + TURN_MS;

  record(ms: number, now: number = performance.now()): void {
    this.#turn(now);
    this.#current.accept(ms);
  }

  get count(): number {
    return this.#current.count + this.#previous.count;
  }

  get mean(): number {
    return this.count === 0 ? 0 : (this.#current.sum + this.#previous.sum) / this.count;
  }

  /** Milliseconds; 0 when nothing was recorded. */
  quantile(q: number): number {
    this.#turn(performance.now());
    if (this.count === 0) return 0;
    const merged = newSketch();
    merged.merge(this.#previous);
    merged.merge(this.#current);
    return Math.max(0, merged.getValueAtQuantile(q));
  }

  /** Adds what this has to `into`. */
  mergeInto(into: DDSketch): void {
    this.#turn(performance.now());
    into.merge(this.#previous);
    into.merge(this.#current);
  }

  clear(): void {
    this.#current = newSketch();
    this.#previous = newSketch();
  }

  #turn(now: number): void {
    if (now < this.#turnsAt) return;
    // After a longer silence the older half is out of date as well.
    this.#previous = now < this.#turnsAt + TURN_MS ? this.#current : newSketch();
    this.#current = newSketch();
    this.#turnsAt = now + TURN_MS;
  }
}

/** Over all of them together; 0 when nothing was recorded. */
export function mergedQuantiles(sketches: readonly SlidingSketch[], quantiles: readonly number[]): number[] {
  const merged = newSketch();
  for (const sketch of sketches) sketch.mergeInto(merged);
  return quantiles.map((q) => (merged.count === 0 ? 0 : Math.max(0, merged.getValueAtQuantile(q))));
}

function newSketch(): DDSketch {
  return new DDSketch({ relativeAccuracy: RELATIVE_ACCURACY });
}
