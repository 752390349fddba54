/** Whose a key is: everybody for whom the same claims are verified. */
import { createHash } from 'node:crypto';
import type { Identity } from '@tidemark/db';
import { errors } from '../../errors.ts';

/** They differ between two tokens of one session; policies that look at them would have to expect that. */
const OF_THE_TOKEN = new Set(['exp', 'iat', 'nbf', 'jti']);

export interface KeyScope {
  /** The caller, as a hash: claims have no limit of length, and the table's keys do. */
  readonly identity: string;
  /** The caller as versions before this one derived it, from role and subject alone. */
  readonly formerIdentity: string;
}

/** @throws GATEWAY_IDEMPOTENCY_SUBJECT */
export function keyScopeOf(identity: Identity, key: string): KeyScope {
  const claims = JSON.parse(identity.claims) as Record<string, unknown>;
  const { sub } = claims;
  // Everybody without a subject would share the keys, and get the answers to each other's writes.
  if (typeof sub !== 'string' || sub === '') throw errors.IDEMPOTENCY_SUBJECT({ key });
  const lasting = Object.entries(claims).filter(([name]) => !OF_THE_TOKEN.has(name));
  return {
    identity: hash(canonicalJson({ role: identity.role, claims: Object.fromEntries(lasting) })),
    formerIdentity: hash(JSON.stringify([identity.role, sub])),
  };
}

/** The same text for the same value, in whatever order its keys were written. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url');
