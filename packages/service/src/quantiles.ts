/**
 * Percentiles over the last minute: DDSketch (Masson, Rim, Lee: VLDB 2019), 1 % relative error, in two
 * half-minute sketches of which the older is dropped. Memory is bounded by the sketch (2,048 bins).
 */
import { DDSketch } from '@datadog/sketches-js';

export interface Quantiles {
  record(value: number): void;
  /** `p(0.99)`; 0 where nothing was recorded. */
  p(quantile: number): number;
}

const HALF_WINDOW_MS = 30_000;

export function createQuantiles(now: () => number = Date.now): Quantiles {
  let current = new DDSketch({ relativeAccuracy: 0.01 });
  let previous = new DDSketch({ relativeAccuracy: 0.01 });
  let turnedAt = now();

  function turn() {
    const age = now() - turnedAt;
    if (age < HALF_WINDOW_MS) return;
    previous = age < 2 * HALF_WINDOW_MS ? current : new DDSketch({ relativeAccuracy: 0.01 });
    current = new DDSketch({ relativeAccuracy: 0.01 });
    turnedAt = now();
  }

  return {
    record(value) {
      turn();
      current.accept(value);
    },
    p(quantile) {
      turn();
      const both = new DDSketch({ relativeAccuracy: 0.01 });
      both.merge(previous);
      both.merge(current);
      const value = both.count > 0 ? both.getValueAtQuantile(quantile) : 0;
      return Number.isFinite(value) ? Math.max(0, value) : 0;
    },
  };
}
