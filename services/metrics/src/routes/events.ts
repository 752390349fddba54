import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { EVENT_TYPES } from '../timeline/timeline.ts';

const Query = Type.Object({
  from: Type.Integer({ default: 0, minimum: 0, description: 'ms since 1970' }),
  type: Type.Optional(Type.Enum(Object.keys(EVENT_TYPES))),
  limit: Type.Integer({ default: 200, minimum: 1, maximum: 2_000 }),
});

export const eventsRoute = fp(
  async (app: BaseApp, { timeline }: RouteContext) => {
    app.get('/events', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      return { at: Date.now(), ...timeline.read(request.query) };
    });
  },
  { name: 'performance-events', dependencies: ['operators-only'] },
);
