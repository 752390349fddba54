/** Other instances accept so many clients per second without noticeable load. */
const MAX_UNNOTICED_PER_SECOND = 100;

/** Times in ms from now, evenly over `overMs`, so that others accept clients one by one. The first leaves at once. */
export function releaseTimes(count: number, overMs: number): number[] {
  const stepMs = Math.min(overMs / count, 1_000 / MAX_UNNOTICED_PER_SECOND);
  return Array.from({ length: count }, (_, n) => Math.floor(n * stepMs));
}
