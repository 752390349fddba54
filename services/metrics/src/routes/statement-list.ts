/** The slow or the latest statements of all instances, each with its route and trace. */
import { StatementsAnswer } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { askInstances } from '../instances/ask.ts';
import { inspectedInstances, userInstances } from '../instances/inspected.ts';
import { operatorToken } from '../plugins/operators-only.ts';
import { ListQuery } from './list-query.ts';

const Query = Type.Object({
  ...ListQuery.properties,
  own: Type.Boolean({ default: false, description: 'true: those of the metrics service, too' }),
});

export interface StatementListOptions extends RouteContext {
  list: 'slow' | 'recent';
  path: string;
}

export const statementListRoute = fp(
  async (app: BaseApp, { monitor, bus, list, path }: StatementListOptions) => {
    app.get(path, { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { limit, own } = request.query;
      const question = { token: operatorToken(request), list, limit };
      const health = monitor.health();
      const names = own ? inspectedInstances(health) : userInstances(health);
      const replies = await askInstances<StatementsAnswer>(bus, 'statements', names, () => question, StatementsAnswer);
      const all = replies.answers.flatMap(({ instance, answer }) =>
        answer.statements.map((statement) => ({ instance, ...statement })),
      );
      const statements = all.sort((a, b) => b.at - a.at).slice(0, limit);
      return { at: health.at, statements, silent: replies.silent };
    });
  },
  { name: 'performance-statement-list', dependencies: ['operators-only'] },
);
