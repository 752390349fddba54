import { errors as joseErrors, jwtVerify, SignJWT } from 'jose';
import { errors } from './errors.ts';

export interface TokenOptions {
  role: string;
  sub?: string;
  /** Absent, for the tokens of a local stack: the token never expires. */
  expiresIn?: number;
  claims?: Readonly<Record<string, unknown>>;
}

export async function signToken(secret: string, options: TokenOptions): Promise<string> {
  const jwt = new SignJWT({ ...options.claims, role: options.role })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt();
  if (options.sub !== undefined) jwt.setSubject(options.sub);
  if (options.expiresIn !== undefined) jwt.setExpirationTime(Math.floor(Date.now() / 1_000) + options.expiresIn);
  return jwt.sign(new TextEncoder().encode(secret));
}

/** Checks the signature only, not the claims. */
export async function isSignedWith(secret: string, token: string): Promise<boolean> {
  return jwtVerify(token, new TextEncoder().encode(secret), { algorithms: ['HS256'] }).then(
    () => true,
    (error: unknown) => !(error instanceof joseErrors.JWSSignatureVerificationFailed),
  );
}

const RESERVED = ['role', 'sub', 'iat', 'exp'];

/** Reads `--claim <name>=<value>`. A value that is JSON is that value, any other is text. @throws CLI_USAGE */
export function readClaims(entries: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    entries.map((entry) => {
      const equals = entry.indexOf('=');
      const name = entry.slice(0, equals);
      if (equals < 1) throw errors.USAGE({ reason: `--claim ${entry} is not <name>=<value>` });
      if (RESERVED.includes(name))
        throw errors.USAGE({ reason: `--claim ${entry}: --role, --sub and --expires-in set this claim` });
      return [name, jsonOrText(entry.slice(equals + 1))];
    }),
  );
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
