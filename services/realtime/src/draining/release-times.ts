/** Clients per second that other instances accept without noticeable load, so that a few clients need not be spread over the limit. */
const MAX_UNNOTICED_PER_SECOND = 100;

/** Times in ms from now, evenly over `overMs`, so that others accept clients one by one. The first leaves at once. */
export function releaseTimes(count: number, overMs: number): number[] {
  const stepMs = Math.min(overMs / count, 1_000 / MAX_UNNOTICED_PER_SECOND);
  return Array.from({ length: count }, (_, n) => Math.floor(n * stepMs));
}
