import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { configErrors } from '../errors.ts';

export interface PublicKeySet {
  readonly key: JWTVerifyGetKey;
  readonly size: number;
  /** Equal for equal keys, to detect whether a fetch returned new ones. */
  readonly text: string;
}

/** Issuers publish two to ten keys; a token without `kid` is tried with each. */
const MAX_KEYS = 100;
const PUBLIC_TYPES = new Set(['RSA', 'EC', 'OKP']);

/** Skips keys for encryption, which issuers publish in the same set. */
export function publicKeySet(json: string, name: string): PublicKeySet {
  const refuse = (why: string, cause?: unknown) => configErrors.INVALID({ problems: [`${name} ${why}`] }, { cause });
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw refuse('is not JSON', cause);
  }
  const keys = (parsed as JSONWebKeySet | null)?.keys;
  if (!Array.isArray(keys)) throw refuse('is no JSON Web Key Set: it has no list "keys"');
  if (keys.length > MAX_KEYS) throw refuse(`has ${keys.length} keys; ${MAX_KEYS} are the most`);
  for (const key of keys) {
    if (key?.kty === 'oct') throw refuse('has a symmetric key, which is no secret once it is in a key set');
    if (key?.d !== undefined) throw refuse('has a private key: publish the public one alone');
  }
  const usable = keys.filter((key) => PUBLIC_TYPES.has(key?.kty as string) && (key.use ?? 'sig') === 'sig');
  if (usable.length === 0) throw refuse('has no public key for signatures');
  return { key: createLocalJWKSet({ keys: usable }), size: usable.length, text: JSON.stringify(usable) };
}
