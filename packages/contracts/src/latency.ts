/** Latencies of 10 s as a sketch (DDSketch: Masson, Rim, Lee, VLDB 2019): those of several instances and windows can be merged. */
import { type Static, Type } from 'typebox';

export const LATENCY_WINDOW_MS = 10_000;
/** The relative error of every percentile. All instances use the same one, or their sketches could not be merged. */
export const LATENCY_ACCURACY = 0.02;
/** From a microsecond to three hours there are 576 bins, and a window has some 20 of them. */
const MAX_BIN_NUMBERS = 2_048;

export const LatencyBins = Type.Array(Type.Integer(), {
  maxItems: MAX_BIN_NUMBERS,
  description: 'the key and the count of each bin that is not empty, by ascending keys',
});
export type LatencyBins = Static<typeof LatencyBins>;

/** The last window that has ended. It is in two or three messages after its end. */
export const LatencyWindow = Type.Object({
  to: Type.Integer({ description: 'its end, ms since 1970' }),
  bins: LatencyBins,
});
export type LatencyWindow = Static<typeof LatencyWindow>;
