/** Sends an HTTP request to an address from the environment. The error names the host, never the URL, which may contain a secret. */
import { errors } from '../errors.ts';

const TIMEOUT_MS = 5_000;

/** @throws METRICS_WEBHOOK_FAILED unless the response has a status of 2xx; a redirect is not followed */
export async function call(url: string, body?: object): Promise<void> {
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetch(url, {
      method: body ? 'POST' : 'GET',
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw errors.WEBHOOK_FAILED({ host, reason: reasonOf(cause) }, { cause });
  }
  // Without this, the connection would stay occupied by the body.
  await response.body?.cancel();
  if (!response.ok) {
    throw errors.WEBHOOK_FAILED({ host, reason: `HTTP ${response.status}`, retryAfter: retryAfterOf(response) });
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS} ms`;
  const inner = cause.cause as { code?: string; message?: string } | undefined;
  return inner?.code ?? inner?.message ?? cause.message;
}

/** In seconds; a date is not read. */
function retryAfterOf({ headers }: Response): number {
  const seconds = Number(headers.get('retry-after') ?? 0);
  return Number.isFinite(seconds) ? seconds : 0;
}
