/**
 * The address that a stopping server sends its clients to; undefined where a WebSocket could not be opened there, or it is no
 * secure one and the present one is: the token goes there as well.
 */
export function elsewhere(given: string | undefined, present: string): string | undefined {
  if (given === undefined || !URL.canParse(given)) return undefined;
  const { protocol, hash } = new URL(given);
  const isAllowed = protocol === 'wss:' || (protocol === 'ws:' && !present.startsWith('wss:'));
  return isAllowed && hash === '' ? given : undefined;
}
