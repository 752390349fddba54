/**
 * Selects the key that verifies a token. Three rules prevent algorithm confusion (RFC 8725 §2.1, §3.1):
 *
 *    1  HS256 uses JWT_SECRET only, every other algorithm uses the key sets only, and "none" is refused.
 *    2  A key set contains public keys only: symmetric and private keys in it are refused. A key must match the algorithm's type.
 *    3  A secret that is a public key (PEM or JWK), which everybody may know, is refused at the start.
 *
 * A token with a `crit` header is refused, since none of its extensions is supported (RFC 7515 §4.1.11).
 */
import { decodeProtectedHeader, type JWTPayload, type JWTVerifyGetKey, errors as jose, jwtVerify } from 'jose';
import { authErrors, configErrors } from '../errors.ts';
import { publicKeySet } from './key-set.ts';
import { KeySource, type KeySourceOptions } from './key-source.ts';

export interface KeyOptions extends Omit<KeySourceOptions, 'url' | 'onChanged'> {
  secret?: string;
  /** The secret is the bytes of this base64 text. */
  secretIsBase64?: boolean;
  /** Without any key, tokens are refused. Default: there must be one. */
  keysOptional?: boolean;
  /** JSON text of RFC 7517. */
  jwks?: string;
  jwksUrl?: string;
  /** Accepted `aud`, one of which the token must have. Absent: not checked. */
  audience?: string | readonly string[];
  /** Accepted `iss`. Absent: not checked. */
  issuer?: string;
  /** Tolerated clock difference for `exp` and `nbf`, seconds; default 0. */
  clockSkewS?: number;
}

export interface Verified {
  payload: JWTPayload;
  generation: number;
}

export interface Keys {
  verify(token: string): Promise<Verified>;
  problem(): string | undefined;
  warning(): string | undefined;
  generation(): number;
  stats(): { keys: number; keysAgeMs: number };
}

/** Asymmetric signatures that jose and Node support; RS* is for issuers without newer ones. */
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export function createKeys(options: KeyOptions & { onChanged: () => void }): Keys {
  const { secret, jwks, jwksUrl } = options;
  const secretKey = secret ? secretBytes(checkSecret(secret), options.secretIsBase64 === true) : undefined;
  const inline = jwks ? publicKeySet(jwks, 'JWT_JWKS') : undefined;
  const source = jwksUrl ? new KeySource({ ...options, url: jwksUrl }) : undefined;
  if (!secretKey && !inline && !source && options.keysOptional !== true) {
    throw configErrors.INVALID({ problems: ['JWT_SECRET is not set, and neither is JWT_JWKS_URL nor JWT_JWKS'] });
  }
  const accepted = [...(secretKey ? ['HS256'] : []), ...(inline || source ? ASYMMETRIC : [])];
  const claims = {
    ...(options.audience?.length ? { audience: options.audience as string | string[] } : {}),
    ...(options.issuer ? { issuer: options.issuer } : {}),
    clockTolerance: options.clockSkewS ?? 0,
  };

  const publicKey: JWTVerifyGetKey = async (header, token) => {
    if (inline) {
      try {
        return await inline.key(header, token);
      } catch (error) {
        if (!source || !(error instanceof jose.JWKSNoMatchingKey)) throw error;
      }
    }
    return (source as KeySource).key(header, token);
  };
  const generation = () => source?.generation ?? 0;

  async function verify(token: string): Promise<Verified> {
    if (accepted.length === 0) throw authErrors.SECRET_MISSING();
    try {
      const { alg } = decodeProtectedHeader(token);
      if (typeof alg !== 'string' || !accepted.includes(alg)) {
        throw authErrors.TOKEN_INVALID({ reason: `its algorithm "${String(alg).slice(0, 20)}" is not accepted here` });
      }
      const checks = { ...claims, algorithms: [alg] };
      if (alg === 'HS256') {
        const { payload } = await jwtVerify(token, secretKey as Uint8Array, checks);
        return { payload, generation: generation() };
      }
      let used = generation();
      const key: JWTVerifyGetKey = async (header, signed) => {
        const found = await publicKey(header, signed);
        used = generation();
        return found;
      };
      return { payload: await verifyPublic(token, key, checks), generation: used };
    } catch (cause) {
      throw asAuthError(cause);
    }
  }

  return {
    verify,
    problem() {
      source?.keepFresh();
      if (secretKey || inline || !source?.isEmpty) return undefined;
      return source.failing && `no keys to verify tokens with: ${source.failing}`;
    },
    warning() {
      source?.keepFresh();
      return source?.failing && `the key set cannot be renewed (${source.describe()}): ${source.failing}`;
    },
    generation,
    stats: () => ({ keys: (inline?.size ?? 0) + (source?.size ?? 0), keysAgeMs: source?.ageMs ?? 0 }),
  };
}

/** A token without `kid` may match several keys: each is tried. */
async function verifyPublic(token: string, key: JWTVerifyGetKey, options: Parameters<typeof jwtVerify>[2]) {
  try {
    return (await jwtVerify(token, key, options)).payload;
  } catch (error) {
    if (!(error instanceof jose.JWKSMultipleMatchingKeys)) throw error;
    for await (const candidate of error) {
      try {
        return (await jwtVerify(token, candidate, options)).payload;
      } catch (failed) {
        if (!(failed instanceof jose.JWSSignatureVerificationFailed)) throw failed;
      }
    }
    throw new jose.JWSSignatureVerificationFailed();
  }
}

function checkSecret(secret: string): string {
  if (!/-----BEGIN |"kty"\s*:/.test(secret)) return secret;
  throw configErrors.INVALID({
    problems: ['JWT_SECRET=*** is a key of another kind: put public keys into JWT_JWKS or JWT_JWKS_URL'],
  });
}

/** The least that RFC 7518 §3.2 allows for HS256. */
const MIN_SECRET_BYTES = 32;

function secretBytes(secret: string, isBase64: boolean): Uint8Array {
  if (!isBase64) return new TextEncoder().encode(secret);
  const bytes = Buffer.from(secret, 'base64');
  if (bytes.length >= MIN_SECRET_BYTES && /^[A-Za-z0-9+/_=-]+$/.test(secret)) return bytes;
  throw configErrors.INVALID({
    problems: [`JWT_SECRET=*** is not base64 of ${MIN_SECRET_BYTES} bytes or more (JWT_SECRET_IS_BASE64)`],
  });
}

function asAuthError(cause: unknown): unknown {
  if (cause instanceof jose.JWTExpired)
    return authErrors.TOKEN_EXPIRED({ at: timestamp(cause.payload.exp) }, { cause });
  if (cause instanceof jose.JWTClaimValidationFailed && cause.claim === 'nbf' && cause.reason === 'check_failed') {
    return authErrors.TOKEN_NOT_YET({ at: timestamp(cause.payload.nbf) }, { cause });
  }
  if (cause instanceof jose.JWTClaimValidationFailed) {
    return authErrors.TOKEN_CLAIM({ reason: claimProblem(cause) }, { cause });
  }
  if (cause instanceof jose.JWKSNoMatchingKey) {
    return authErrors.TOKEN_INVALID(
      { reason: 'no key of the issuer’s set matches its "kid" and algorithm' },
      { cause },
    );
  }
  if (cause instanceof jose.JOSEError || cause instanceof TypeError) {
    return authErrors.TOKEN_INVALID({ reason: cause.message }, { cause });
  }
  return cause;
}

function claimProblem({ claim, reason, message }: jose.JWTClaimValidationFailed): string {
  if (reason === 'invalid') return `The JWT '${claim}' claim must be a number`;
  return claim === 'aud' ? 'JWT not in audience' : message;
}

const timestamp = (seconds: number | undefined) => {
  const at = new Date((seconds ?? Number.NaN) * 1_000);
  return Number.isNaN(at.getTime()) ? 'an unknown time' : at.toISOString();
};
