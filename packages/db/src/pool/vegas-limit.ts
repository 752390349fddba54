/**
 * Computes from measurements how many statements of a pool the server should run at a time, between a floor and `max`.
 *
 * TCP Vegas (Brakmo, O'Malley, Peterson: "TCP Vegas: New Techniques for Congestion Detection and Avoidance", SIGCOMM 1994), as Netflix's
 * concurrency-limits applies it to requests (its VegasLimit): by Little's law, of `n` running statements n × (1 − baseline / mean) wait
 * inside the server, where `baseline` is the time of a statement without contention. Below α the limit grows, above β it falls. The
 * baseline is measured as BBR does it (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 2016, ProbeRTT): from time
 * to time at half the limit, for one window.
 *
 *                 enough saturated time
 *      ┌─────────┐ ──────────────────────► ┌─────────┐  the limit is halved for one window
 *      │ holding │                         │ probing │
 *      └─────────┘ ◄────────────────────── └─────────┘
 *                 the window is full: its mean is the baseline
 *
 * Slower statements look like a queue: when cuts leave the mean as it was, there was none, and the mean is the baseline.
 */

export interface LimitWindow {
  at: number;
  elapsedMs: number;
  completed: number;
  heldMs: number;
  saturated: boolean;
}

export interface LimitState {
  limit: number;
  baselineMs: number | undefined;
  /** Time of the next probe; undefined until the pool is saturated. */
  probeAt: number | undefined;
  probing: number | undefined;
  /** The limit and mean before the first cut that has not been judged yet. */
  cutFrom: { limit: number; meanMs: number } | undefined;
}

export interface LimitBounds {
  floor: number;
  max: number;
}

/** Fewer samples make the mean unreliable. At 250 ms a window, pools under 40 statements a second join windows until they have enough. */
export const MIN_COMPLETED = 10;
/** The first probe, and those after one that led to a cut, come early: a limit that is far too high is found in a few seconds. */
const PROBE_SOON_MS = 1_000;
/** One window of 250 ms in ten seconds at half the limit costs 1.25 % where all of the limit is needed. */
const PROBE_MS = 10_000;
const MAX_CUT = 0.2;
const GROWTH = 0.1;
const TOLERANCE = 1.1;
/** Cuts are judged together when they come to this part: less would not stand out from the noise. */
const JUDGED_CUT = 0.4;
/** Weight of the newest mean under light load, which is a baseline by itself. */
const LIGHT_WEIGHT = 0.2;

export function initialLimit(max: number): LimitState {
  return { limit: max, baselineMs: undefined, probeAt: undefined, probing: undefined, cutFrom: undefined };
}

export function nextLimit(state: LimitState, window: LimitWindow, bounds: LimitBounds): LimitState {
  const meanMs = window.heldMs / window.completed;
  if (state.probing !== undefined) return afterProbe(state, state.probing, meanMs, window.at, bounds);
  if (!window.saturated) return underLightLoad(state, meanMs, window);
  const baselineMs = baselineOf(state, meanMs);
  const probeAt = state.probeAt ?? window.at + PROBE_SOON_MS;
  const held = { ...state, baselineMs, probeAt };
  if (window.at >= probeAt) {
    return { ...held, cutFrom: undefined, probing: state.limit, limit: Math.max(bounds.floor, state.limit / 2) };
  }
  return adjusted(held, meanMs, bounds);
}

export function queued(limit: number, baselineMs: number, meanMs: number): number {
  return limit * (1 - Math.min(1, (TOLERANCE * baselineMs) / meanMs));
}

/** Netflix's are 3 and 6 in place of 2 and 4: a baseline measured at half the limit shows half of a longer queue. */
const alpha = (limit: number) => Math.max(1, 2 * Math.log10(limit));
const beta = (limit: number) => Math.max(2, 4 * Math.log10(limit));

function adjusted(state: LimitState, meanMs: number, bounds: LimitBounds): LimitState {
  const { limit } = state;
  const queue = queued(limit, state.baselineMs ?? meanMs, meanMs);
  if (queue < alpha(limit)) {
    return { ...state, cutFrom: undefined, limit: Math.min(bounds.max, limit + 1 + GROWTH * limit) };
  }
  if (queue <= beta(limit)) return { ...state, cutFrom: undefined };
  const target = limit - (queue - beta(limit));
  const cut = Math.max(bounds.floor, target, limit * (1 - MAX_CUT));
  return { ...state, limit: cut, cutFrom: state.cutFrom ?? { limit, meanMs } };
}

function baselineOf({ baselineMs, cutFrom, limit }: LimitState, meanMs: number): number {
  if (cutFrom !== undefined && limit <= cutFrom.limit * (1 - JUDGED_CUT)) {
    // If all of it had been a queue, the mean would have fallen as much as the limit.
    const expected = cutFrom.meanMs * (limit / cutFrom.limit);
    if (meanMs > (cutFrom.meanMs + expected) / 2) return meanMs;
  }
  return Math.min(baselineMs ?? meanMs, meanMs);
}

function afterProbe(state: LimitState, limit: number, meanMs: number, at: number, bounds: LimitBounds): LimitState {
  const before = state.baselineMs ?? meanMs;
  const restored = { ...state, limit: Math.max(bounds.floor, limit), probing: undefined, baselineMs: meanMs };
  return { ...restored, probeAt: at + (meanMs < before * (1 - MAX_CUT) ? PROBE_SOON_MS : PROBE_MS) };
}

function underLightLoad(state: LimitState, meanMs: number, window: LimitWindow): LimitState {
  const idle = { ...state, probeAt: undefined, cutFrom: undefined };
  const inUse = window.heldMs / window.elapsedMs;
  if (inUse > state.limit / 2) return idle;
  const { baselineMs } = state;
  return { ...idle, baselineMs: baselineMs === undefined ? meanMs : baselineMs + LIGHT_WEIGHT * (meanMs - baselineMs) };
}
