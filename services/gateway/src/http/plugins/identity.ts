import type { IncomingMessage } from 'node:http';
import type { Identity } from '@tidemark/db';
import { type BaseApp, type TokenVerifier, tokenOf, type VerifiedToken, type VerifyTokenFrom } from '@tidemark/service';
import fp from 'fastify-plugin';

export interface Caller extends Identity {
  readonly authenticated: boolean;
  readonly token: string | undefined;
  readonly verified: VerifiedToken | undefined;
  /** The identities of its reads of tables, by schema. */
  readonly reading: Map<string, Identity>;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
}

export interface IdentityOptions {
  readonly verifyToken: Pick<TokenVerifier, 'cached'>;
  readonly verifyTokenFrom: VerifyTokenFrom;
  addressOf(request: IncomingMessage): string;
  readonly anonRole: string;
}

export const identity = fp(
  async (app: BaseApp, { verifyToken, verifyTokenFrom, addressOf, anonRole }: IdentityOptions) => {
    const anonymous: Caller = Object.freeze({
      role: anonRole,
      claims: JSON.stringify({ role: anonRole }),
      authenticated: false,
      token: undefined,
      verified: undefined,
      reading: new Map(),
    });
    /** One for each token that the verifier remembers. */
    const callers = new WeakMap<VerifiedToken, Caller>();

    function callerOf(token: string, verified: VerifiedToken): Caller {
      const known = callers.get(verified);
      if (known) return known;
      const { role, claimsText: claims } = verified;
      const caller = Object.freeze({ role, claims, authenticated: true, token, verified, reading: new Map() });
      callers.set(verified, caller);
      return caller;
    }

    app.decorateRequest('caller');
    // The hook is not async: a known token, which most are, then costs no promise.
    app.addHook('onRequest', (request, _reply, done) => {
      let token: string | undefined;
      try {
        token = tokenOf(request.headers);
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
  },
  { name: 'identity' },
);
