/** The server chooses the algorithm, never the token (RFC 8725 §3.1); see keys.ts. */
import { isUtf8 } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import { authErrors } from '../errors.ts';
import { createKeys, type KeyOptions } from './keys.ts';
import { roleClaimPath } from './role-claim.ts';

export interface VerifiedToken {
  role: string;
  /** JSON.parse has rounded large numbers: what compares identities reads `claimsText`. */
  claims: Readonly<Record<string, unknown>>;
  claimsText: string;
  /** Seconds since 1970, with the tolerance; absent for a token without expiry. */
  expires?: number;
}

export type VerifyToken = (token: string) => Promise<VerifiedToken>;

export interface TokenVerifier extends VerifyToken {
  /** Is synchronous, for hot paths. */
  cached(token: string): VerifiedToken | undefined;
  /** The health check calls this regularly, which keeps the key set fresh. */
  problem(): string | undefined;
  warning(): string | undefined;
  stats(): { cached: number; cachedCharacters: number; keys: number; keysAgeMs: number };
}

export interface TokenVerifierOptions extends KeyOptions {
  roles?: readonly string[];
  /** Role of a token without a `role` claim. Absent: such a token is refused. */
  defaultRole?: string;
  /** The path to the role in the claims; default `.role`. */
  roleClaim?: string;
}

/** In place of a list: every role that Postgres lets the service's login become. */
export const ANY_ROLE = '*';
export const DEFAULT_ROLES = ['anon', 'authenticated', 'service_role', 'ops'] as const;
/** The least recently used are removed first. */
const MAX_CACHED = 10_000;
/** Limit of their tokens and claims in characters, since long tokens would otherwise take 300 MB. */
const MAX_CACHED_CHARACTERS = 16 * 1024 ** 2;
/** Longer tokens are refused before any other work. */
const MAX_TOKEN_LENGTH = 16_384;

export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const roles = new Set(options.roles ?? DEFAULT_ROLES);
  const roleIn = roleClaimPath(options.roleClaim ?? '.role');
  const cache = new LRUCache<string, VerifiedToken>({
    max: MAX_CACHED,
    maxSize: MAX_CACHED_CHARACTERS,
    sizeCalculation: (verified, token) => token.length + verified.claimsText.length,
  });
  // Removing a key invalidates the tokens that it verified.
  const keys = createKeys({ ...options, onChanged: () => cache.clear() });

  const cached = (token: string): VerifiedToken | undefined => {
    const known = cache.get(token);
    if (known === undefined || known.expires === undefined || known.expires * 1_000 > Date.now()) return known;
    cache.delete(token);
    return undefined;
  };
  const verify = async (token: string): Promise<VerifiedToken> => {
    const known = cached(token);
    if (known) return known;
    if (token.length > MAX_TOKEN_LENGTH) {
      throw authErrors.TOKEN_INVALID({ reason: `it is longer than ${MAX_TOKEN_LENGTH} characters` });
    }
    const { payload, generation } = await keys.verify(token);
    const verified = asVerified(payload, claimsTextOf(token), roles, { ...options, role: roleIn(payload) });
    // The keys were replaced during the verification: the result is valid, but it is not cached.
    if (generation === keys.generation()) cache.set(token, verified);
    return verified;
  };
  return Object.assign(verify, {
    cached,
    problem: keys.problem,
    warning: keys.warning,
    stats: () => ({ cached: cache.size, cachedCharacters: cache.calculatedSize, ...keys.stats() }),
  });
}

function asVerified(
  claims: Record<string, unknown>,
  claimsText: string,
  roles: ReadonlySet<string>,
  { role: given, defaultRole, clockSkewS = 0 }: TokenVerifierOptions & { readonly role: unknown },
): VerifiedToken {
  checkClaims(claims, clockSkewS);
  const role = given ?? defaultRole;
  if (role === undefined || role === '') throw authErrors.ROLE_MISSING({ permitted: [...roles] });
  if (typeof role !== 'string' || !(roles.has(role) || roles.has(ANY_ROLE))) {
    throw authErrors.ROLE_UNKNOWN({
      role: typeof role === 'string' ? role : JSON.stringify(role),
      permitted: [...roles],
    });
  }
  return Object.freeze({
    role,
    claims: Object.freeze(claims),
    claimsText,
    ...(typeof claims.exp === 'number' ? { expires: claims.exp + clockSkewS } : {}),
  });
}

/** jose checks the types of the times, and `aud` and `iat` only where they are asked for. */
function checkClaims({ aud, iat }: Record<string, unknown>, clockSkewS: number): void {
  const isText = (value: unknown) => typeof value === 'string';
  if (aud !== undefined && aud !== null && !isText(aud) && !(Array.isArray(aud) && aud.every(isText))) {
    throw authErrors.TOKEN_CLAIM({ reason: "The JWT 'aud' claim must be a string or an array of strings" });
  }
  if (typeof iat === 'number' && iat > Date.now() / 1_000 + clockSkewS) {
    throw authErrors.TOKEN_CLAIM({ reason: 'JWT issued at future' });
  }
}

/** The claims as they were signed, so that no number loses digits on its way to Postgres. */
function claimsTextOf(token: string): string {
  const bytes = Buffer.from(token.split('.', 2)[1] ?? '', 'base64url');
  if (!isUtf8(bytes)) throw authErrors.TOKEN_INVALID({ reason: 'its claims are not UTF-8' });
  return bytes.toString();
}

export interface TokenHeaders {
  authorization?: string | undefined;
  apikey?: string | string[] | undefined;
}

export function tokenOf(headers: TokenHeaders): string | undefined {
  const { authorization, apikey } = headers;
  if (authorization !== undefined) {
    const [scheme, token, ...rest] = authorization.trim().split(/\s+/);
    if (scheme?.toLowerCase() !== 'bearer' || !token || rest.length > 0) {
      const isEmpty = scheme?.toLowerCase() === 'bearer' && !token;
      throw authErrors.TOKEN_INVALID({
        reason: isEmpty
          ? 'Empty JWT is sent in Authorization header'
          : 'the Authorization header is not "Bearer <token>"',
      });
    }
    return token;
  }
  return typeof apikey === 'string' && apikey !== '' ? apikey : undefined;
}
