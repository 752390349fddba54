/**
 * Tokens: HS256 JWTs whose `role` claim is a Postgres role. The algorithm is ours, never the token's (RFC 8725 §3.1).
 */
import { errors as jose, jwtVerify } from 'jose';
import { authErrors } from './errors.ts';

export interface VerifiedToken {
  role: string;
  claims: Readonly<Record<string, unknown>>;
  /** JSON text of the claims, made once. */
  claimsText: string;
  /** Seconds since 1970; absent where the token never expires. */
  expires?: number;
}

export type VerifyToken = (token: string) => Promise<VerifiedToken>;

export interface TokenVerifierOptions {
  secret: string;
  /** Accepted `aud`; absent: not checked. */
  audience?: string;
  /** Roles that a token may name. */
  roles?: readonly string[];
}

export const DEFAULT_ROLES = ['anon', 'authenticated', 'service_role', 'ops'] as const;
/** Verified tokens kept: 10,000 of about 1 KB are 10 MB. The oldest goes first. */
const MAX_CACHED = 10_000;
/** Longer ones are refused before any work is done on them. */
const MAX_TOKEN_LENGTH = 16_384;

/** @throws AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED, AUTH_TOKEN_NOT_YET, AUTH_ROLE_UNKNOWN */
export function createTokenVerifier(options: TokenVerifierOptions): VerifyToken {
  const key = new TextEncoder().encode(options.secret);
  const roles = new Set(options.roles ?? DEFAULT_ROLES);
  const cache = new Map<string, VerifiedToken>();

  return async (token) => {
    const cached = cache.get(token);
    if (cached) {
      if (cached.expires === undefined || cached.expires * 1_000 > Date.now()) return cached;
      cache.delete(token);
    }
    if (token.length > MAX_TOKEN_LENGTH) {
      throw authErrors.TOKEN_INVALID({ reason: `it is longer than ${MAX_TOKEN_LENGTH} characters` });
    }
    const claims = await verify(token, key, options.audience);
    const role = claims.role === undefined ? 'anon' : claims.role;
    if (typeof role !== 'string' || !roles.has(role)) throw authErrors.ROLE_UNKNOWN({ role: String(role) });
    const verified: VerifiedToken = {
      role,
      claims: Object.freeze(claims),
      claimsText: JSON.stringify(claims),
      ...(typeof claims.exp === 'number' ? { expires: claims.exp } : {}),
    };
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string);
    cache.set(token, verified);
    return verified;
  };
}

async function verify(token: string, key: Uint8Array, audience?: string): Promise<Record<string, unknown>> {
  try {
    const { payload } = await jwtVerify(token, key, { algorithms: ['HS256'], ...(audience ? { audience } : {}) });
    return payload;
  } catch (cause) {
    if (cause instanceof jose.JWTExpired) {
      throw authErrors.TOKEN_EXPIRED({ at: timestamp(cause.payload.exp) }, { cause });
    }
    if (cause instanceof jose.JWTClaimValidationFailed && cause.claim === 'nbf') {
      throw authErrors.TOKEN_NOT_YET({ at: timestamp(cause.payload.nbf) }, { cause });
    }
    throw authErrors.TOKEN_INVALID({ reason: cause instanceof Error ? cause.message : String(cause) }, { cause });
  }
}

const timestamp = (seconds: number | undefined) =>
  seconds === undefined ? 'an unknown time' : new Date(seconds * 1_000).toISOString();

/** The token of a request: `Authorization: Bearer`, else the `apikey` header. */
export function tokenOf(headers: {
  authorization?: string | undefined;
  apikey?: string | string[] | undefined;
}): string | undefined {
  const { authorization, apikey } = headers;
  if (authorization !== undefined) {
    const [scheme, token, ...rest] = authorization.trim().split(/\s+/);
    if (scheme?.toLowerCase() !== 'bearer' || !token || rest.length > 0) {
      throw authErrors.TOKEN_INVALID({ reason: 'the Authorization header is not "Bearer <token>"' });
    }
    return token;
  }
  return typeof apikey === 'string' && apikey !== '' ? apikey : undefined;
}
