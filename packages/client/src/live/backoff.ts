const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;

/**
 * The wait in ms doubles with each attempt (from 1), less a random part of up to a half (`jitter`, 0 to 1), so that
 * clients which were disconnected together do not reconnect together.
 */
export function waitBefore(attempt: number, jitter: number): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(wait * (1 - jitter / 2));
}
