/** The client sends its token to this address, so it must be a WebSocket URL, and encrypted if the present one is. */
export function redirectUrl(given: string | undefined, present: string): string | undefined {
  if (given === undefined || !URL.canParse(given)) return undefined;
  const { protocol, hash } = new URL(given);
  const isAllowed = protocol === 'wss:' || (protocol === 'ws:' && !present.startsWith('wss:'));
  return isAllowed && hash === '' ? given : undefined;
}
