const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;

/**
 * Returns the wait before an attempt, ms. It doubles with each attempt, less a random part of up to a half, so that clients
 * which were disconnected together do not reconnect together.
 *
 * @param attempt counts from 1
 * @param jitter 0 to 1
 */
export function waitBefore(attempt: number, jitter: number): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(wait * (1 - jitter / 2));
}
