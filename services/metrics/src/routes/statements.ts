import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { MAX_STATEMENTS, type StatementStats } from '../collectors/statements/collector.ts';
import { MAX_WINDOW_S } from '../collectors/statements/window.ts';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { mergedStatements } from '../instances/statements.ts';

const SORT_KEYS = {
  total: ({ totalMs }: StatementStats) => totalMs,
  calls: ({ calls }: StatementStats) => calls,
  mean: ({ meanMs }: StatementStats) => meanMs,
};

const Query = Type.Object({
  order: Type.Enum(['total', 'calls', 'mean'], { default: 'total' }),
  limit: Type.Integer({ default: 20, minimum: 1, maximum: MAX_STATEMENTS }),
  seconds: Type.Integer({ default: MAX_WINDOW_S, minimum: 60, maximum: MAX_WINDOW_S }),
  own: Type.Boolean({ default: false, description: 'true: those that our services run for themselves, too' }),
});

/** Lists the statements that the servers ran in the last minutes, each joined with the statements of our services that have its shape. */
export const statementsRoute = fp(
  async (app: BaseApp, { collectors, monitor }: RouteContext) => {
    app.get('/queries/servers', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { order, limit, seconds, own } = request.query;
      const collected = collectors.values().statements;
      if (!collected) {
        const { error } = collectors.states().find(({ name }) => name === 'postgres statements') ?? {};
        throw error ? errors.STATEMENTS_UNAVAILABLE({ reason: error }) : errors.STATEMENTS_NOT_YET();
      }
      const { since, statements: all } = collected.within(seconds);
      const services = mergedStatements(monitor.health().instances);
      const fingerprints = (shape: string) => services.filter((one) => one.shape === shape).map(({ id }) => id);
      const key = SORT_KEYS[order];
      const statements = all
        .filter((statement) => own || !statement.own)
        .sort((a, b) => key(b) - key(a))
        .slice(0, limit)
        .map(({ shape, ...statement }) => ({ ...statement, fingerprints: fingerprints(shape) }));
      const { evictedTotal, resetsTotal, silent } = collected;
      return { order, since, evictedTotal, resetsTotal, silent, statements };
    });
  },
  { name: 'performance-statements', dependencies: ['operators-only'] },
);
