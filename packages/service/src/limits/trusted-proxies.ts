/**
 * X-Forwarded-For is read from the right, where each proxy appends the address of its peer, as far as TRUST_PROXY
 * reaches: values written by the client are never reached. Fastify's `request.ip` uses this function, too.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** `hop` 0 is the peer of the connection. */
export type TrustProxy = (address: string, hop: number) => boolean;

/** The names that fastify and express accept. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};
/** No configured chain of proxies writes a longer header. */
const MAX_FORWARDED_CHARACTERS = 2_000;

/** The setting is a number of proxies, or addresses and networks. */
export function trustedProxies(setting: string): TrustProxy {
  if (setting.trim() === '') return () => false;
  if (/^\s*\d+\s*$/.test(setting)) return (_address, hop) => hop < Number(setting);
  const list = new BlockList();
  const parts = setting.split(',').map((part) => part.trim());
  for (const network of parts.filter(Boolean).flatMap((part) => NAMED[part] ?? [part])) {
    const [address = '', bits] = network.split('/');
    const family = familyOf(address);
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address));
}

/** The address is empty if the connection is closed. */
export function clientAddress(request: IncomingMessage, trust: TrustProxy): string {
  let address = plain(request.socket.remoteAddress ?? '');
  const header = request.headers['x-forwarded-for'];
  if (header === undefined || header.length > MAX_FORWARDED_CHARACTERS) return address;
  const forwarded = String(header).split(',').reverse();
  for (const [hop, part] of forwarded.entries()) {
    const before = plain(part.trim());
    if (!trust(address, hop) || isIP(before) === 0) break;
    address = before;
  }
  return address;
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Returns the IPv4 form of a client's address on a socket that listens on IPv6. */
const plain = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address);
