import type { FailedItem } from '../kinds/item-result.ts';
import type { HttpResponse } from './safe-http.ts';

const RETRIED = new Set([408, 425, 500, 502, 504]);

/** The failure of an item whose call was answered by another status than 2xx. Refusals for load cost no attempt. */
export function responseFailure(
  { code, host }: { code: string; host: string },
  { status, headers, body }: HttpResponse,
): FailedItem {
  const text = body
    .subarray(0, 200)
    .toString()
    .replace(/[\p{Cc}\ufffd]+/gu, ' ');
  const failure = { code: `${code}_${status}`, message: `${host} answered ${status}: ${text}` };
  const later = {
    ...(headers['retry-after'] !== undefined && { retryAfter: headers['retry-after'] }),
    ...(headers.date !== undefined && { responseDate: headers.date }),
  };
  if (status === 429 || status === 503) return { failure: { ...failure, throttled: true }, ...later };
  return RETRIED.has(status) ? { failure: { ...failure, retry: true }, ...later } : { failure };
}
