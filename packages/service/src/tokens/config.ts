import { type Static, Type } from 'typebox';
import { commaSeparated } from '../config.ts';
import type { TokenVerifierOptions } from './verifier.ts';

export const tokenConfig = {
  JWT_SECRET: Type.String({
    default: '',
    pattern: '^(.{32,})?$',
    description: 'HS256 secret, at least 32 characters (256 bits, RFC 7518 §3.2); needed unless there is a key set',
  }),
  JWT_SECRET_IS_BASE64: Type.Boolean({
    default: false,
    description: 'JWT_SECRET is in base64 or base64url, and its bytes are the secret: at least 32',
  }),
  JWT_JWKS_URL: Type.String({
    default: '',
    description: 'the issuer’s JSON Web Key Set: http(s) URL, file URL or path; followed as it rotates',
  }),
  JWT_JWKS: Type.String({ default: '', description: 'a JSON Web Key Set as JSON, in place of or beside the URL' }),
  JWT_JWKS_MAX_AGE_S: Type.Integer({
    default: 600,
    minimum: 1,
    description:
      'seconds that fetched keys are used before they are fetched again: how long a withdrawn key still works',
  }),
  JWT_JWKS_COOLDOWN_MS: Type.Integer({
    default: 10_000,
    minimum: 10,
    description: 'ms between two fetches, also for an unknown key: tokens with made-up keys must not load the issuer',
  }),
  JWT_AUDIENCE: Type.String({ default: '', description: 'accepted aud, separated by commas; empty: not checked' }),
  JWT_ISSUER: Type.String({ default: '', description: 'accepted iss; empty: not checked' }),
  JWT_CLOCK_SKEW_S: Type.Integer({
    default: 30,
    minimum: 0,
    maximum: 300,
    description: 'seconds that exp, nbf and iat are stretched by, as the issuer’s clock may differ; 30 as in PostgREST',
  }),
  JWT_ROLES: Type.String({
    default: 'anon,authenticated,service_role,ops',
    description:
      'roles that a token may name, separated by commas; *: every role that the service may SET ROLE to, as in PostgREST',
  }),
  JWT_ROLE_CLAIM_KEY: Type.String({
    default: '.role',
    description:
      'JSON path to the role in the claims, as in PostgREST: .app.roles[0], ."https://x/role", .roles[?(@ == "staff")]',
  }),
  JWT_DEFAULT_ROLE: Type.String({
    default: '',
    description: 'role of a token without a role claim, such as another issuer’s; empty: it is refused',
  }),
};

type TokenConfig = { readonly [K in keyof typeof tokenConfig]: Static<(typeof tokenConfig)[K]> };

export function tokenOptions(config: TokenConfig): TokenVerifierOptions {
  const audience = commaSeparated(config.JWT_AUDIENCE);
  return {
    ...(config.JWT_SECRET ? { secret: config.JWT_SECRET } : {}),
    ...(config.JWT_JWKS ? { jwks: config.JWT_JWKS } : {}),
    ...(config.JWT_JWKS_URL ? { jwksUrl: config.JWT_JWKS_URL } : {}),
    ...(audience.length ? { audience } : {}),
    ...(config.JWT_ISSUER ? { issuer: config.JWT_ISSUER } : {}),
    ...(config.JWT_DEFAULT_ROLE ? { defaultRole: config.JWT_DEFAULT_ROLE } : {}),
    secretIsBase64: config.JWT_SECRET_IS_BASE64,
    roleClaim: config.JWT_ROLE_CLAIM_KEY,
    roles: commaSeparated(config.JWT_ROLES),
    clockSkewS: config.JWT_CLOCK_SKEW_S,
    jwksMaxAgeMs: config.JWT_JWKS_MAX_AGE_S * 1_000,
    jwksCooldownMs: config.JWT_JWKS_COOLDOWN_MS,
  };
}
