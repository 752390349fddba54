/** The strong ETag of a representation (RFC 9110, 8.8.3): a hash of its bytes before any compression. */
import { hash } from 'node:crypto';

/** 128 bits of SHA-256, which make a collision improbable. */
const ETAG_CHARACTERS = 22;

export function strongEtag(body: string): string {
  return `"${hash('sha256', body, 'base64url').slice(0, ETAG_CHARACTERS)}"`;
}
