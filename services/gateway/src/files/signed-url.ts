/** URLs that work without a token until a time: an HMAC over method, path and time, with a key derived from the JWT secret. */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { fileRequestErrors } from './errors.ts';

/** Names the use, so that the key signs nothing else (RFC 5869 §3.2). */
const INFO = 'tidemark signed file url, version 1';
const KEY_BYTES = 32;

export interface UrlSigner {
  /** Path and query of a URL for the file that works until `expires`, seconds since 1970. */
  sign(id: string, expires: number): string;
  /** Seconds that it still works. @throws GATEWAY_FILE_URL_INVALID, GATEWAY_FILE_URL_EXPIRED */
  check(id: string, expires: string | undefined, signature: string): number;
}

/** Without a secret (tokens are verified by a key set alone) nothing is signed, as anybody could derive the key. */
export function createUrlSigner(secret: string): UrlSigner {
  if (secret === '') {
    const refuse = () => {
      throw fileRequestErrors.URL_SECRET();
    };
    return { sign: refuse, check: refuse };
  }
  const key = Buffer.from(hkdfSync('sha256', secret, '', INFO, KEY_BYTES));
  const pathOf = (id: string) => `/api/v1/files/${id.toLowerCase()}`;
  const mac = (id: string, expires: string) =>
    createHmac('sha256', key)
      .update(`GET\n${pathOf(id)}\n${expires}`)
      .digest();
  return {
    sign: (id, expires) =>
      `${pathOf(id)}?expires=${expires}&signature=${mac(id, String(expires)).toString('base64url')}`,
    check(id, expires = '', signature) {
      const given = Buffer.from(signature, 'base64url');
      const expected = mac(id, expires);
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw fileRequestErrors.URL_INVALID();
      const left = Number(expires) - Math.floor(Date.now() / 1_000);
      if (!(left > 0)) {
        throw fileRequestErrors.URL_EXPIRED({ at: new Date(Number(expires) * 1_000).toISOString() });
      }
      return left;
    },
  };
}
