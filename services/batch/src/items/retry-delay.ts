import { MAX_RETRY_AFTER_MS } from './retry-after.ts';

const BASE_MS = 1_000;
const MAX_MS = 60_000;

/**
 * The delay is exponential with full jitter, unless the kind asked for one:
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryDelayMs(attempts: number, askedMs: number | undefined, random = Math.random): number {
  if (askedMs !== undefined) return Math.min(MAX_RETRY_AFTER_MS, Math.max(0, askedMs));
  return random() * Math.min(MAX_MS, BASE_MS * 2 ** (attempts - 1));
}
