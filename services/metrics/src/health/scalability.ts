/**
 * Fits the Universal Scalability Law (Gunther, "Guerrilla Capacity Planning", 2007) to measured loads:
 *
 *   throughput(n) = λ n / (1 + σ (n - 1) + κ n (n - 1))
 *
 * where n is the mean concurrency: the sum of durations divided by the time. n / throughput is linear in the unknowns 1/λ, σ/λ and
 * κ/λ, so they are found by least squares. A model of loads that stay far below its peak, or that scatter, would only look like one.
 */

export interface Load {
  /** Mean of the requests at a time. */
  concurrency: number;
  perSecond: number;
}

export interface Model {
  /** The concurrency from which more of it lowers the throughput. */
  peakConcurrency: number;
  peakPerSecond: number;
  /** 90 % of the resampled fits have their peak throughput between these. */
  low: number;
  high: number;
  sigma: number;
  kappa: number;
}

export type Fit = { model: Model; why: null } | { model: null; why: string };

/** Fewer bins of 10 s are no range of loads. */
const MIN_LOADS = 30;
const MIN_COVERED = 0.65;
const MAX_SPREAD = 0.25;
/** A peak beyond so many times the largest measured load comes from rounding errors. */
const FAR = 20;
const RESAMPLES = 200;
/** Below it hardly anything runs, so the quotient is noise. */
const MIN_CONCURRENCY = 0.05;

export function fitScalability(measured: readonly Load[]): Fit {
  const loads = measured.filter(({ concurrency, perSecond }) => concurrency >= MIN_CONCURRENCY && perSecond > 0);
  const refuse = (why: string): Fit => ({ model: null, why });
  if (loads.length < MIN_LOADS) return refuse(`${loads.length} measured loads; ${MIN_LOADS} are the least`);
  const fitted = peakOf(loads);
  const most = Math.max(...loads.map(({ concurrency }) => concurrency));
  if (fitted === undefined || fitted.peakConcurrency > FAR * most) {
    return refuse('the throughput grows with the concurrency as far as it was measured: no peak is in sight');
  }
  if (most < MIN_COVERED * fitted.peakConcurrency) {
    return refuse(
      `the measured concurrency, at most ${most.toFixed(1)}, covers ${Math.round((100 * most) / fitted.peakConcurrency)} % of the peak that it would have; 65 % are the least`,
    );
  }
  const random = randomOf(loads.length);
  const peaks: number[] = [];
  for (let n = 0; n < RESAMPLES; n++) {
    const peak = peakOf(loads.map(() => loads[Math.floor(random() * loads.length)] as Load));
    peaks.push(peak?.peakPerSecond ?? Number.POSITIVE_INFINITY);
  }
  peaks.sort((a, b) => a - b);
  const low = peaks[Math.floor(0.05 * RESAMPLES)] as number;
  const high = peaks[Math.floor(0.95 * RESAMPLES)] as number;
  const spread = Math.max(high - fitted.peakPerSecond, fitted.peakPerSecond - low) / fitted.peakPerSecond;
  if (!(spread <= MAX_SPREAD))
    return refuse('the measured loads scatter: 90 % of resampled fits differ by more than 25 %');
  return { model: { ...fitted, low, high }, why: null };
}

type Peak = Omit<Model, 'low' | 'high'>;

/** Undefined where the fitted law has no peak. */
function peakOf(loads: readonly Load[]): Peak | undefined {
  const solved = leastSquares(
    loads.map(({ concurrency: n }) => [1, n - 1, n * (n - 1)]),
    loads.map(({ concurrency, perSecond }) => concurrency / perSecond),
  );
  if (solved === undefined) return undefined;
  const [a, b, c] = solved as [number, number, number];
  if (a <= 0 || c <= 0) return undefined;
  const sigma = Math.max(0, b / a);
  const kappa = c / a;
  if (sigma >= 1) return undefined;
  const peakConcurrency = Math.sqrt((1 - sigma) / kappa);
  if (peakConcurrency < 1) return undefined;
  const contention = 1 + sigma * (peakConcurrency - 1) + kappa * peakConcurrency * (peakConcurrency - 1);
  return { peakConcurrency, peakPerSecond: peakConcurrency / a / contention, sigma, kappa };
}

/** Solves the normal equations by elimination with pivots; undefined where they have no single solution. */
function leastSquares(rows: readonly number[][], values: readonly number[]): number[] | undefined {
  const size = rows[0]?.length ?? 0;
  const sum = (of: (row: number[], value: number) => number) =>
    rows.reduce((total, row, index) => total + of(row, values[index] as number), 0);
  const system = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (__, j) => sum((row) => (row[i] as number) * (row[j] as number))),
    sum((row, value) => (row[i] as number) * value),
  ]);
  for (let i = 0; i < size; i++) {
    const best = system.slice(i).reduce((a, b) => (Math.abs(b[i] as number) > Math.abs(a[i] as number) ? b : a));
    const at = system.indexOf(best);
    [system[i], system[at]] = [best, system[i] as number[]];
    const pivot = best[i] as number;
    if (Math.abs(pivot) < 1e-12) return undefined;
    for (let j = 0; j <= size; j++) best[j] = (best[j] as number) / pivot;
    for (const other of system) {
      if (other === best) continue;
      const factor = other[i] as number;
      for (let j = 0; j <= size; j++) other[j] = (other[j] as number) - factor * (best[j] as number);
    }
  }
  return system.map((row) => row[size] as number);
}

/** The same loads give the same bounds (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
