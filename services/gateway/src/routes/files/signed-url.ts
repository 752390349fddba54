/**
 * The signature is the signer's role and claims, encrypted and authenticated (AES-256-GCM) with method, path and
 * expiry. The URL ends when the signer loses the right to the file, and nobody can read the claims.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Identity } from '@tidemark/db';
import { ANY_ROLE, lastingClaims } from '@tidemark/service';
import { fileRequestErrors } from './errors.ts';

/** The purpose of the derived key, so that it encrypts nothing else (RFC 5869 §3.2). */
const INFO = 'tidemark signed file url, version 2';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** Random nonces of 12 bytes may be used 2^32 times under one key (NIST SP 800-38D §8.3). */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Characters of a signature: proxies and browsers accept URLs of 8 KB. */
const MAX_SIGNATURE = 6_000;

export interface SignedUse {
  /** Seconds until the URL expires. */
  left: number;
  signer: Pick<Identity, 'role' | 'claims'>;
}

export interface UrlSigner {
  /** `expires` is in seconds since 1970. */
  sign(id: string, expires: number, signer: Pick<Identity, 'role' | 'claims'>): string;
  check(id: string, expires: string | undefined, signature: string): SignedUse;
}

/**
 * Without a secret (tokens are verified by a key set alone) no URL is signed, because anybody could derive the key. A
 * URL of a role that is not in `roles` is refused.
 */
export function createUrlSigner(secret: string, roles: readonly string[]): UrlSigner {
  if (secret === '') {
    const refuse = () => {
      throw fileRequestErrors.URL_SECRET();
    };
    return { sign: refuse, check: refuse };
  }
  const key = Buffer.from(hkdfSync('sha256', secret, '', INFO, KEY_BYTES));
  const pathOf = (id: string) => `/api/v1/files/${id.toLowerCase()}`;
  const bound = (id: string, expires: string) => Buffer.from(`GET\n${pathOf(id)}\n${expires}`);

  function decrypt(id: string, expires: string, signature: string): Pick<Identity, 'role' | 'claims'> {
    const bytes = Buffer.from(signature, 'base64url');
    // base64url ignores some characters and bits: only the canonical text of a signature is accepted.
    if (signature.length > MAX_SIGNATURE || bytes.toString('base64url') !== signature)
      throw fileRequestErrors.URL_INVALID();
    if (bytes.length <= NONCE_BYTES + TAG_BYTES) throw fileRequestErrors.URL_INVALID();
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(bound(id, expires));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
      return JSON.parse(text.toString()) as Pick<Identity, 'role' | 'claims'>;
    } catch (cause) {
      throw fileRequestErrors.URL_INVALID(undefined, { cause });
    }
  }

  return {
    sign(id, expires, { role, claims }) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(bound(id, String(expires)));
      const text = JSON.stringify({ role, claims: lastingClaims(claims) });
      const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      const signature = Buffer.concat([nonce, cipher.getAuthTag(), encrypted]).toString('base64url');
      if (signature.length > MAX_SIGNATURE) throw fileRequestErrors.URL_TOO_LONG({ maximum: MAX_SIGNATURE });
      return `${pathOf(id)}?expires=${expires}&signature=${signature}`;
    },
    check(id, expires = '', signature) {
      const signer = decrypt(id, expires, signature);
      if (!roles.includes(signer.role) && !roles.includes(ANY_ROLE)) throw fileRequestErrors.URL_INVALID();
      const left = Number(expires) - Math.floor(Date.now() / 1_000);
      if (!(left > 0)) {
        throw fileRequestErrors.URL_EXPIRED({ at: new Date(Number(expires) * 1_000).toISOString() });
      }
      return { left, signer };
    },
  };
}
