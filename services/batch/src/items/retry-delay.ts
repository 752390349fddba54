/** Computes when a failed item is tried again. */

const BASE_MS = 1_000;
const MAX_MS = 60_000;
/** Maximum delay that another service may request by Retry-After. */
const MAX_ASKED_MS = 15 * 60_000;

/**
 * Returns ms until the next attempt: exponential with full jitter, or what the kind asked for.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param attempts how often the item ran, at least 1
 * @param askedMs what the kind asked for
 */
export function retryDelayMs(attempts: number, askedMs: number | undefined, random = Math.random): number {
  if (askedMs !== undefined) return Math.min(MAX_ASKED_MS, Math.max(0, askedMs));
  return random() * Math.min(MAX_MS, BASE_MS * 2 ** (attempts - 1));
}
