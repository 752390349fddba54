import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { MAX_STATEMENTS, type StatementStats } from '../collectors/postgres-statements.ts';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';

const SORT_KEYS = {
  total: ({ totalMs }: StatementStats) => totalMs,
  calls: ({ calls }: StatementStats) => calls,
  mean: ({ meanMs }: StatementStats) => meanMs,
};

const Query = Type.Object({
  order: Type.Enum(['total', 'calls', 'mean'], { default: 'total' }),
  limit: Type.Integer({ default: 20, minimum: 1, maximum: MAX_STATEMENTS }),
});

export const statementsRoute = fp(
  async (app: BaseApp, { collectors }: RouteContext) => {
    app.get('/statements', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { order, limit } = request.query;
      const collected = collectors.values().statements;
      if (!collected) {
        const { error } = collectors.states().find(({ name }) => name === 'postgres statements') ?? {};
        throw error ? errors.STATEMENTS_UNAVAILABLE({ reason: error }) : errors.STATEMENTS_NOT_YET();
      }
      const key = SORT_KEYS[order];
      const statements = [...collected.statements].sort((a, b) => key(b) - key(a)).slice(0, limit);
      return { order, since: collected.since, statements };
    });
  },
  { name: 'performance-statements', dependencies: ['operators-only'] },
);
