/** Who asks: the verified token's role and claims, or the anonymous role. */
import type { Identity } from '@tidemark/db';
import { type BaseApp, tokenOf, type VerifyToken } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';

export interface Caller extends Identity {
  /** Verified by a token, rather than anonymous. */
  readonly authenticated: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
}

export interface IdentityOptions {
  verifyToken: VerifyToken;
  anonRole: string;
}

export function registerIdentity(app: BaseApp, options: IdentityOptions): void {
  const anonymous: Caller = Object.freeze({
    role: options.anonRole,
    claims: JSON.stringify({ role: options.anonRole }),
    authenticated: false,
  });
  app.decorateRequest('caller', null as unknown as Caller);
  app.addHook('onRequest', async (request: FastifyRequest) => {
    const token = tokenOf(request.headers as { authorization?: string; apikey?: string });
    if (token === undefined) {
      request.caller = anonymous;
      return;
    }
    const verified = await options.verifyToken(token);
    request.caller = { role: verified.role, claims: verified.claimsText, authenticated: true };
  });
}
