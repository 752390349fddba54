/** Who asks: the verified token's role and claims, or the anonymous role. */
import type { IncomingMessage } from 'node:http';
import type { Identity } from '@tidemark/db';
import { type BaseApp, type TokenVerifier, tokenOf, type VerifiedToken, type VerifyTokenFrom } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';

export interface Caller extends Identity {
  /** Verified by a token, rather than anonymous. */
  readonly authenticated: boolean;
  /** Both undefined for the anonymous. */
  readonly token: string | undefined;
  readonly verified: VerifiedToken | undefined;
  /** By schema, of which few are exposed: what its reads of tables run as. */
  readonly reading: Map<string, Identity>;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
}

export interface IdentityOptions {
  verifyToken: Pick<TokenVerifier, 'cached'>;
  /** Refuses tokens unchecked from an address that sends too many invalid ones. */
  verifyTokenFrom: VerifyTokenFrom;
  addressOf(request: IncomingMessage): string;
  anonRole: string;
}

export function registerIdentity(app: BaseApp, options: IdentityOptions): void {
  const { verifyToken, verifyTokenFrom, addressOf, anonRole } = options;
  const anonymous: Caller = Object.freeze({
    ...{ role: anonRole, claims: JSON.stringify({ role: anonRole }) },
    ...{ authenticated: false, token: undefined, verified: undefined, reading: new Map() },
  });
  /** One for each token that the verifier remembers. */
  const callers = new WeakMap<VerifiedToken, Caller>();

  function callerOf(token: string, verified: VerifiedToken): Caller {
    const known = callers.get(verified);
    if (known) return known;
    const caller: Caller = Object.freeze({
      ...{ role: verified.role, claims: verified.claimsText },
      ...{ authenticated: true, token, verified, reading: new Map() },
    });
    callers.set(verified, caller);
    return caller;
  }

  app.decorateRequest('caller', null as unknown as Caller);
  // Not async: a token that is known is most of them, and costs no promise.
  app.addHook('onRequest', (request: FastifyRequest, _reply, done) => {
    let token: string | undefined;
    try {
      token = tokenOf(request.headers as { authorization?: string; apikey?: string });
    } catch (error) {
      return done(error as Error);
    }
    if (token === undefined) {
      request.caller = anonymous;
      return done();
    }
    const given = token;
    const known = verifyToken.cached(given);
    if (known) {
      request.caller = callerOf(given, known);
      return done();
    }
    verifyTokenFrom(given, addressOf(request.raw)).then((verified) => {
      request.caller = callerOf(given, verified);
      done();
    }, done);
  });
}
