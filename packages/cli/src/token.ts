import { errors, jwtVerify, SignJWT } from 'jose';

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
    (error: unknown) => !(error instanceof errors.JWSSignatureVerificationFailed),
  );
}
