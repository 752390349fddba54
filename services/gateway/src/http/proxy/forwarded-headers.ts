/**
 * Headers in which proxies name their client. The gateway writes X-Forwarded-For itself and passes none of these on: a service behind
 * it trusts the gateway (TRUST_PROXY), so a client could otherwise claim any address.
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
