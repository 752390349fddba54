/**
 * Returns the address that a stopping server sends its clients to. Returns undefined for an address that is not a WebSocket URL, and
 * for an unencrypted address in place of an encrypted one, because the client sends its token there.
 */
export function redirectUrl(given: string | undefined, present: string): string | undefined {
  if (given === undefined || !URL.canParse(given)) return undefined;
  const { protocol, hash } = new URL(given);
  const isAllowed = protocol === 'wss:' || (protocol === 'ws:' && !present.startsWith('wss:'));
  return isAllowed && hash === '' ? given : undefined;
}
