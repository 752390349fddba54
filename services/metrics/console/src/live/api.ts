import type { Refusal } from './connection-state.ts';

/** The page is at <base>/console/, the API at <base>/api/. */
const BASE = new URL('../api/v1/performance/', document.baseURI);

export class ApiError extends Error {
  readonly refusal: Refusal;
  /** A retry with a refused token cannot succeed. */
  readonly tokenRefused: boolean;

  constructor(refusal: Refusal, tokenRefused: boolean) {
    super(refusal.message);
    this.refusal = refusal;
    this.tokenRefused = tokenRefused;
  }
}

export async function request(path: string, token: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(new URL(path, BASE), {
    headers: { authorization: `Bearer ${token}` },
    cache: 'no-store',
    signal,
  });
  if (response.ok) return response;
  // A reply without JSON comes from a proxy; the status is reported below.
  const problem = (await response.json().catch(() => ({}))) as { message?: string; hint?: string | null };
  const refusal = {
    message: problem.message ?? `the metrics service answered ${response.status} ${response.statusText}`,
    hint: problem.hint ?? null,
  };
  throw new ApiError(refusal, response.status === 401 || response.status === 403);
}
