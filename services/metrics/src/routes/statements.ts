import type { BaseApp } from '@tidemark/service';
import { Type } from 'typebox';
import { type StatementStats, TOP } from '../collectors/postgres-statements.ts';
import type { AppDependencies } from '../context.ts';
import { errors } from '../errors.ts';

const ORDERS = {
  total: ({ totalMs }: StatementStats) => totalMs,
  calls: ({ calls }: StatementStats) => calls,
  mean: ({ meanMs }: StatementStats) => meanMs,
};

const Query = Type.Object({
  order: Type.Enum(['total', 'calls', 'mean'], { default: 'total' }),
  limit: Type.Integer({ default: 20, minimum: 1, maximum: TOP }),
});

/** `GET /api/v1/performance/statements?order=total|calls|mean&limit=`: from pg_stat_statements, text without values. */
export function statementsRoute(app: BaseApp, { collectors }: AppDependencies): void {
  app.get('/statements', { schema: { querystring: Query } }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { order, limit } = request.query;
    const found = collectors.values().statements;
    if (!found) {
      const { error } = collectors.states().find(({ name }) => name === 'postgres statements') ?? {};
      throw error ? errors.STATEMENTS_UNAVAILABLE({ reason: error }) : errors.STATEMENTS_NOT_YET();
    }
    const by = ORDERS[order];
    const statements = [...found.statements].sort((a, b) => by(b) - by(a)).slice(0, limit);
    return { order, since: found.since, statements };
  });
}
