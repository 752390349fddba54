/**
 * The address that a stopping server sends its clients to, where they may follow: the token goes there as well, so never from
 * a secure connection to one that is not.
 */
export function elsewhere(given: string | undefined, present: string): string | undefined {
  if (given === undefined || !URL.canParse(given)) return undefined;
  const { protocol } = new URL(given);
  return protocol === 'wss:' || (protocol === 'ws:' && !present.startsWith('wss:')) ? given : undefined;
}
