/** Who may see the figures: a token whose role is `ops` or `service_role`. */
import {
  identityKey,
  isOperator,
  type Limiter,
  type RateOptions,
  tokenOf,
  type VerifiedToken,
  type VerifyTokenFrom,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { errors } from '../errors.ts';

const verified = new WeakMap<FastifyRequest, { who: VerifiedToken; token: string }>();

/** An onRequest hook. @throws METRICS_TOKEN_MISSING, METRICS_ROLE_REFUSED, AUTH_*, LIMIT_RATE */
export function operatorsOnly(verify: VerifyTokenFrom, limiter: Limiter, limit: RateOptions) {
  const rate = limiter.rate(limit);
  return async (request: FastifyRequest): Promise<void> => {
    const token = tokenOf(request.headers);
    if (token === undefined) throw errors.TOKEN_MISSING();
    const who = await verify(token, limiter.addressOf(request.raw));
    if (!isOperator(who)) throw errors.ROLE_REFUSED({ role: who.role });
    const refused = rate.refuses(identityKey(who, limiter.networkOf(request.raw)));
    if (refused) throw refused;
    verified.set(request, { who, token });
  };
}

/** The request's token, for another service to verify again. @throws METRICS_TOKEN_MISSING */
export function tokenOfOperator(request: FastifyRequest): string {
  const found = verified.get(request);
  if (!found) throw errors.TOKEN_MISSING();
  return found.token;
}

/** When the request's token expires, ms since 1970. */
export function expiryOf(request: FastifyRequest): number | undefined {
  const seconds = verified.get(request)?.who.expires;
  return seconds === undefined ? undefined : seconds * 1_000;
}
