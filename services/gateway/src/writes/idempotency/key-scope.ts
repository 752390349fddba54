import { createHash } from 'node:crypto';
import type { Identity } from '@tidemark/db';
import { errors } from '../../errors.ts';

/** Claims that differ between two tokens of one session. A policy that reads them must expect that. */
const TOKEN_CLAIMS = new Set(['exp', 'iat', 'nbf', 'jti']);

export interface KeyScope {
  /** A hash of the caller: claims have no limit of length, and the table's keys do. */
  readonly identity: string;
  readonly formerIdentity: string;
}

export function keyScopeOf(identity: Identity, key: string): KeyScope {
  const claims = JSON.parse(identity.claims) as Record<string, unknown>;
  const { sub } = claims;
  // Callers without a subject would share the keys, and get the replies to each other's writes.
  if (typeof sub !== 'string' || sub === '') throw errors.IDEMPOTENCY_SUBJECT({ key });
  const lasting = Object.entries(claims).filter(([name]) => !TOKEN_CLAIMS.has(name));
  return {
    identity: hash(canonicalJson({ role: identity.role, claims: Object.fromEntries(lasting) })),
    formerIdentity: hash(JSON.stringify([identity.role, sub])),
  };
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url');
