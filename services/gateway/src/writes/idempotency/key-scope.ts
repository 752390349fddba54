import { createHash } from 'node:crypto';
import type { Identity } from '@tidemark/db';
import { lastingClaims } from '@tidemark/service';
import { errors } from '../../errors.ts';

export interface KeyScope {
  /** A hash of the caller: claims have no limit of length, and the table's keys do. */
  readonly identity: string;
  readonly formerIdentity: string;
}

export function keyScopeOf(identity: Identity, key: string): KeyScope {
  const { sub } = JSON.parse(identity.claims) as { sub?: unknown };
  // Callers without a subject would share the keys, and get the replies to each other's writes.
  if (typeof sub !== 'string' || sub === '') throw errors.IDEMPOTENCY_SUBJECT({ key });
  const claims = lastingClaims(identity.claims);
  return {
    // A policy that reads the claims that do not last must expect that another token gets the same reply.
    identity: hash(`{"claims":${claims},"role":${JSON.stringify(identity.role)}}`),
    formerIdentity: hash(JSON.stringify([identity.role, sub])),
  };
}

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url');
