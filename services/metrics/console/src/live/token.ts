/** Takes the operator's token from `#token=…`, removes it from the address, and keeps it for this tab only. */
const KEY = 'tidemark.ops-token';

export function loadToken(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    saveToken(given);
    history.replaceState(null, '', location.pathname + location.search);
    return given;
  }
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // This browser has no storage, so the page asks for the token at each visit.
  }
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
