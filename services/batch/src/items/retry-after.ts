/** Another service may request a delay by Retry-After; longer ones are cut. */
export const MAX_RETRY_AFTER_MS = 15 * 60_000;

/**
 * Returns ms of a Retry-After in seconds, as a number or text, or as an HTTP date. `responseDate` is the Date header of the same
 * response: the difference of both does not depend on the clock of this machine. Returns undefined for anything else.
 */
export function retryAfterMs(retryAfter: number | string | undefined, responseDate?: string): number | undefined {
  if (retryAfter === undefined) return undefined;
  const text = String(retryAfter).trim();
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : untilDate(text, responseDate);
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}

function untilDate(text: string, responseDate: string | undefined): number {
  const now = responseDate === undefined ? Number.NaN : Date.parse(responseDate);
  return Date.parse(text) - (Number.isNaN(now) ? Date.now() : now);
}
