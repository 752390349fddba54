/** Takes the operator's token from `#token=…` or by a code from `#code=…`, and keeps it for this tab only. */
import { ApiError } from './api.ts';

const KEY = 'tidemark.ops-token';

/** Returns the token of the address, which it removes from there, else the kept one. Throws ApiError for a refused code. */
export async function loadToken(): Promise<string | null> {
  const given = new URLSearchParams(location.hash.slice(1));
  const [token, code] = [given.get('token'), given.get('code')];
  if (token || code) history.replaceState(null, '', location.pathname + location.search);
  const own = token ?? (code ? await redeem(code) : null);
  if (own) {
    saveToken(own);
    return own;
  }
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // This browser has no storage, so the page asks for the token at each visit.
  }
}

/** A code serves once, so it is no use to whoever reads the terminal or the log later. */
async function redeem(code: string): Promise<string> {
  const response = await fetch(new URL('token', document.baseURI), {
    method: 'POST',
    headers: { 'tidemark-console-code': code },
  });
  if (response.ok) return ((await response.json()) as { token: string }).token;
  const problem = (await response.json().catch(() => ({}))) as { message?: string; hint?: string | null };
  const message = problem.message ?? `the metrics service answered ${response.status} to the code`;
  throw new ApiError({ message, hint: problem.hint ?? null }, response.status);
}

export function saveToken(token: string): void {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // This browser has no storage.
  }
}

export function deleteToken(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // This browser has no storage.
  }
}
