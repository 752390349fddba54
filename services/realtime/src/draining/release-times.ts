/** Clients per second that other instances accept without noticeable load, so that a few clients need not be spread over the limit. */
const MAX_UNNOTICED_PER_SECOND = 100;

/**
 * Returns when each of `count` clients is to leave, in ms from now: evenly over `overMs`, so that other instances accept them one after
 * another. The first leaves at once.
 */
export function releaseTimes(count: number, overMs: number): number[] {
  const stepMs = Math.min(overMs / count, 1_000 / MAX_UNNOTICED_PER_SECOND);
  return Array.from({ length: count }, (_, n) => Math.floor(n * stepMs));
}
