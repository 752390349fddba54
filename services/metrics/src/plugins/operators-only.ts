/** The role must be `ops` or `service_role`. Each identity has a rate. */
import {
  type BaseApp,
  identityKey,
  isOperator,
  type Limiter,
  tokenOf,
  type VerifiedToken,
  type VerifyTokenFrom,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { errors } from '../errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    operator: { token: string; verified: VerifiedToken } | null;
  }
}

export interface OperatorsOnlyOptions {
  readonly verifyToken: VerifyTokenFrom;
  readonly limiter: Limiter;
  readonly requestsPerSecond: number;
}

/** A page of the console sends about ten requests at once. */
const BURST_S = 10;

export const operatorsOnly = fp(
  async (app: BaseApp, { verifyToken, limiter, requestsPerSecond }: OperatorsOnlyOptions) => {
    const rate = limiter.rate({
      policy: 'performance',
      what: 'requests for the performance API',
      perSecond: requestsPerSecond,
      burstSeconds: BURST_S,
    });
    app.decorateRequest('operator', null);
    app.addHook('onRequest', async (request) => {
      const token = tokenOf(request.headers);
      if (token === undefined) throw errors.TOKEN_MISSING();
      const verified = await verifyToken(token, limiter.addressOf(request.raw));
      if (!isOperator(verified)) throw errors.ROLE_REFUSED({ role: verified.role });
      const refusal = rate.refuses(identityKey(verified, limiter.networkOf(request.raw)));
      if (refusal) throw refusal;
      request.operator = { token, verified };
    });
  },
  { name: 'operators-only' },
);

/** Realtime verifies the token again. */
export function operatorToken(request: FastifyRequest): string {
  if (!request.operator) throw errors.TOKEN_MISSING();
  return request.operator.token;
}
