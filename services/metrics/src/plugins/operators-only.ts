/** Who may see the figures: a token whose role is `ops` or `service_role`. */
import { tokenOf, type VerifiedToken, type VerifyToken } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { errors } from '../errors.ts';

const ROLES = new Set(['ops', 'service_role']);
const verified = new WeakMap<FastifyRequest, VerifiedToken>();

/** An onRequest hook. @throws METRICS_TOKEN_MISSING, METRICS_ROLE_REFUSED, AUTH_* */
export function operatorsOnly(verify: VerifyToken) {
  return async (request: FastifyRequest): Promise<void> => {
    const token = tokenOf(request.headers);
    if (token === undefined) throw errors.TOKEN_MISSING();
    const who = await verify(token);
    if (!ROLES.has(who.role)) throw errors.ROLE_REFUSED({ role: who.role });
    verified.set(request, who);
  };
}

/** Who the request's token says it is. @throws METRICS_TOKEN_MISSING */
export function identityOf(request: FastifyRequest): { role: string; claims: string } {
  const who = verified.get(request);
  if (!who) throw errors.TOKEN_MISSING();
  return { role: who.role, claims: who.claimsText };
}

/** When the request's token expires, ms since 1970. */
export function expiryOf(request: FastifyRequest): number | undefined {
  const seconds = verified.get(request)?.expires;
  return seconds === undefined ? undefined : seconds * 1_000;
}
