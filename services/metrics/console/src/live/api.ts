/** Calls to the performance API. The page is at <base>/console/, the API beside it. */
import type { Refusal } from './connection-state.ts';

const BASE = new URL('../api/v1/performance/', document.baseURI);

/** The service said no, and why. */
export class Refused extends Error {
  readonly refusal: Refusal;
  /** The token is at fault, so that trying again with it is useless. */
  readonly token: boolean;

  constructor(refusal: Refusal, token: boolean) {
    super(refusal.message);
    this.refusal = refusal;
    this.token = token;
  }
}

/** @throws Refused for an answer that is not 2xx, TypeError when there is none */
export async function ask(path: string, token: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(new URL(path, BASE), {
    headers: { authorization: `Bearer ${token}` },
    cache: 'no-store',
    signal,
  });
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { message?: string; hint?: string | null };
  const refusal = {
    message: problem.message ?? `the metrics service answered ${response.status} ${response.statusText}`,
    hint: problem.hint ?? null,
  };
  throw new Refused(refusal, response.status === 401 || response.status === 403);
}
