import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { readDigest } from '../digest/statement-days.ts';

const Query = Type.Object({
  day: Type.Optional(Type.String({ format: 'date', description: 'in UTC; default: yesterday' })),
});
const DAY_MS = 86_400_000;

/** Lists the statements that were new on a day, or got slower. */
export const digestRoute = fp(
  async (app: BaseApp, { postgres }: RouteContext) => {
    app.get('/queries/digest', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { day = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10) } = request.query;
      return { day, statements: await readDigest(postgres.admin(), day) };
    });
  },
  { name: 'performance-digest', dependencies: ['operators-only'] },
);
