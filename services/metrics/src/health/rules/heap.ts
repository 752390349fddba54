/** The heap of each instance, by what stays in use: garbage comes and goes, so the least of each ten seconds counts. */
import type { Instance } from '../../instances/registry.ts';
import type { Finding } from '../finding.ts';
import { bytes, displayName, type SystemState, seconds } from '../system-state.ts';

const WINDOW_S = 60;
const PART_S = 10;
/** A heap below this share of its limit, and below this size, grows while caches fill. */
const MIN_LEAK_SHARE = 0.1;
const MIN_LEAK_BYTES = 192 * 1024 ** 2;

export function* heapRules({ live, history, thresholds, now }: SystemState): Generator<Finding> {
  if (history === undefined) return;
  for (const instance of live) {
    const limit = instance.telemetry.process.heapLimitBytes;
    if (limit === undefined) continue;
    const floors = floorsOf(history.read([`process.heap@${instance.key}`], WINDOW_S), now);
    if (floors === undefined) continue;
    const kept = Math.min(...floors);
    if (kept > limit * thresholds.heapShare) yield full(instance, kept, limit * thresholds.heapShare, limit);
    else {
      const slope = slopeOf(floors);
      if (
        slope !== undefined &&
        slope >= thresholds.heapLeakBytesPerS &&
        (floors.at(-1) ?? 0) > Math.min(limit * MIN_LEAK_SHARE, MIN_LEAK_BYTES)
      ) {
        yield leak(instance, slope, thresholds.heapLeakBytesPerS, (limit - (floors.at(-1) as number)) / slope);
      }
    }
  }
}

/** The least use in each of six parts; undefined until the window is covered. */
function floorsOf(
  { at, series }: { at: number[]; series: Record<string, (number | null)[]> },
  now: number,
): number[] | undefined {
  const values = Object.values(series)[0];
  if (values === undefined) return undefined;
  const parts: number[][] = Array.from({ length: WINDOW_S / PART_S }, () => []);
  for (const [index, time] of at.entries()) {
    const part = Math.floor((WINDOW_S * 1_000 - (now - time)) / (PART_S * 1_000));
    const value = values[index];
    if (typeof value === 'number') parts[Math.min(part, parts.length - 1)]?.push(value);
  }
  return parts.every((part) => part.length > 0) ? parts.map((part) => Math.min(...part)) : undefined;
}

/**
 * Bytes a second, where each part kept more than the one before: the median of the slopes between any two parts (Theil and Sen), since
 * garbage is left in each of them, and the leak may have begun within the window.
 */
function slopeOf(floors: readonly number[]): number | undefined {
  const grows = floors.every((floor, index) => index === 0 || floor > (floors[index - 1] as number));
  if (!grows) return undefined;
  const slopes = floors.flatMap((to, end) =>
    floors.slice(0, end).map((from, start) => (to - from) / ((end - start) * PART_S)),
  );
  slopes.sort((a, b) => a - b);
  return slopes[Math.floor(slopes.length / 2)];
}

const HINT = 'A heap profile of that instance names what it keeps. Start a second instance before you restart it.';

function full({ key, telemetry }: Instance, kept: number, limit: number, end: number): Finding {
  return {
    rule: 'heap.full',
    key: `heap ${key}`,
    subject: key,
    severity: 'degraded',
    message: `${displayName(telemetry)} has kept ${bytes(kept)} of its heap in use for 60 s, of at most ${bytes(end)}`,
    hint: HINT,
    measured: kept,
    limit,
    unit: 'bytes',
    affects: [key],
  };
}

function leak({ key, telemetry }: Instance, slope: number, limit: number, leftS: number): Finding {
  return {
    rule: 'heap.leak',
    key: `heap ${key}`,
    subject: key,
    severity: 'degraded',
    message: `the heap of ${displayName(telemetry)} has grown by ${bytes(slope)} a second for 60 s; it is full in ${seconds(leftS * 1_000)}`,
    hint: HINT,
    measured: slope,
    limit,
    unit: 'bytes',
    affects: [key],
  };
}
