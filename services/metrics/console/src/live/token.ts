/** The operator's token: from `#token=…` (which is then taken out of the address bar), kept for this tab alone. */
const KEY = 'tidemark.ops-token';

export function takeToken(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    keepToken(given);
    history.replaceState(null, '', location.pathname + location.search);
    return given;
  }
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // Storage is switched off in this browser: the token is asked for at each visit.
  }
}

export function keepToken(token: string): void {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // As above.
  }
}

export function forgetToken(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}
