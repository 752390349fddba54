import type { IncomingMessage } from 'node:http';
import { type BaseApp, type TokenVerifier, tokenOf, type VerifiedToken, type VerifyTokenFrom } from '@tidemark/service';
import fp from 'fastify-plugin';
import { NO_ROLE } from '../../config.ts';
import type { Caller, StatementSettings } from '../../request/caller.ts';
import { asPostgrestError, tokenErrors } from './token-errors.ts';

export interface IdentityOptions {
  readonly verifyToken: Pick<TokenVerifier, 'cached'>;
  readonly verifyTokenFrom: VerifyTokenFrom;
  addressOf(request: IncomingMessage): string;
  readonly anonRole: string;
  readonly statements: StatementSettings;
}

/** Pages that show no data need no role. */
const needsRole = (url: string): boolean => /^\/(rest|api)\//.test(url) || /^\/openapi\.json/.test(url);

export const identity = fp(
  async (app: BaseApp, { verifyToken, verifyTokenFrom, addressOf, anonRole, statements }: IdentityOptions) => {
    const anonymous: Caller = Object.freeze({
      role: anonRole,
      claims: JSON.stringify({ role: anonRole }),
      authenticated: false,
      token: undefined,
      verified: undefined,
      reading: new Map(),
      statements,
    });
    /** One for each token that the verifier remembers. */
    const callers = new WeakMap<VerifiedToken, Caller>();

    function callerOf(token: string, verified: VerifiedToken): Caller {
      const known = callers.get(verified);
      if (known) return known;
      const { role, claimsText: claims } = verified;
      const caller = Object.freeze({
        role,
        claims,
        authenticated: true,
        token,
        verified,
        reading: new Map(),
        statements,
      });
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
        return done(asPostgrestError(error, '') as Error);
      }
      if (token === undefined) {
        request.caller = anonymous;
        return done(anonRole === NO_ROLE && needsRole(request.url) ? tokenErrors.PGRST302() : undefined);
      }
      const given = token;
      const known = verifyToken.cached(given);
      if (known) {
        request.caller = callerOf(given, known);
        return done();
      }
      verifyTokenFrom(given, addressOf(request.raw)).then(
        (verified) => {
          request.caller = callerOf(given, verified);
          done();
        },
        (error: unknown) => done(asPostgrestError(error, given) as Error),
      );
    });
  },
  { name: 'identity' },
);
