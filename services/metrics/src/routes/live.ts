import { LIVE_LIST_LIMIT } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { listSubscriptions } from '../live/ask-instances.ts';
import { operatorToken } from '../plugins/operators-only.ts';

const Query = Type.Object({
  instance: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  schema: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
  table: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
  role: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'the claim sub' })),
  after: Type.Optional(Type.String({ maxLength: 128, description: '"next" of the previous page' })),
  limit: Type.Integer({ default: 100, minimum: 1, maximum: LIVE_LIST_LIMIT }),
});

export const liveRoute = fp(
  async (app: BaseApp, { monitor, bus }: RouteContext) => {
    app.get('/live', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { instances } = monitor.health();
      const known = instances.filter(({ service }) => service === 'realtime').map(({ instance }) => instance);
      return listSubscriptions(bus, known, { ...request.query, token: operatorToken(request) });
    });
  },
  { name: 'performance-live', dependencies: ['operators-only'] },
);
