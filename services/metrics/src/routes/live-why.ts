import { LIVE_WHY_LIMIT, SUBSCRIPTION_NAME_PATTERN } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { explainDelivery } from '../live/ask-instances.ts';
import { operatorToken } from '../plugins/operators-only.ts';

const Query = Type.Object({
  sub: Type.String({ minLength: 1, maxLength: 160, description: 'name of the subscription, from /live' }),
  table: Type.String({ minLength: 1, maxLength: 63 }),
  schema: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'default: that of the subscription' })),
  key: Type.String({ minLength: 1, maxLength: 1_024, description: 'primary key of the row: values as in in.(…)' }),
  limit: Type.Integer({ default: 5, minimum: 1, maximum: LIVE_WHY_LIMIT, description: 'changes, newest first' }),
});
const SUBSCRIPTION_NAME = new RegExp(SUBSCRIPTION_NAME_PATTERN);

export const liveWhyRoute = fp(
  async (app: BaseApp, { bus }: RouteContext) => {
    app.get('/live/why', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { sub } = request.query;
      if (!SUBSCRIPTION_NAME.test(sub)) throw errors.LIVE_SUB({ sub });
      return explainDelivery(bus, { ...request.query, token: operatorToken(request) });
    });
  },
  { name: 'performance-live-why', dependencies: ['operators-only'] },
);
