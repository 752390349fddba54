const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;

/**
 * Doubles up to the longest, less up to half of it by chance, so that clients that were cut off together do not come back
 * together.
 *
 * @param attempt 1 for the first
 * @param jitter from 0 to 1
 * @returns ms
 */
export function waitBefore(attempt: number, jitter: number): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(wait * (1 - jitter / 2));
}
