/** Fewer clients than this many a second are no load to whoever takes them in: a few are let go sooner than the limit. */
const UNNOTICED_PER_SECOND = 100;

/**
 * When each of `count` clients is let go, in ms from now: evenly over `overMs`, so that the instances that they come back to
 * take them in one after another. The first leaves at once.
 */
export function releaseTimes(count: number, overMs: number): number[] {
  const stepMs = Math.min(overMs / count, 1_000 / UNNOTICED_PER_SECOND);
  return Array.from({ length: count }, (_, n) => Math.floor(n * stepMs));
}
