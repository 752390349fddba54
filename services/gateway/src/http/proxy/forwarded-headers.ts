/**
 * None of these headers is passed on: a service behind the gateway trusts it (TRUST_PROXY), so a client could claim
 * any address.
 */
const FORWARDED = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
]);

export const isForwarding = (name: string): boolean => FORWARDED.has(name);

export function withoutForwarding<V>(headers: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isForwarding(name)));
}
