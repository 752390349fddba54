/** Requests that were slow, failed or were refused, of all gateways: by the id that the client saw, or the latest. */
import { INSPECTION_LIST_LIMIT, RequestsAnswer } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { askInstances } from '../instances/ask.ts';
import { operatorToken } from '../plugins/operators-only.ts';

const Query = Type.Object({
  id: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'the header x-request-id' })),
  route: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'such as GET /rest/v1/:table' })),
  table: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'a table or function' })),
  limit: Type.Integer({ default: 50, minimum: 1, maximum: INSPECTION_LIST_LIMIT }),
});

export const requestsRoute = fp(
  async (app: BaseApp, { monitor, bus }: RouteContext) => {
    app.get('/requests', { schema: { querystring: Query } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const question = { ...request.query, token: operatorToken(request) };
      const { at, instances } = monitor.health();
      const gateways = instances.filter(({ service }) => service === 'gateway').map(({ instance }) => instance);
      const { answers, silent } = await askInstances<RequestsAnswer>(
        bus,
        'requests',
        gateways,
        () => question,
        RequestsAnswer,
      );
      const requests = answers.flatMap(({ instance, answer }) =>
        answer.requests.map((record) => ({ instance, ...record })),
      );
      requests.sort((a, b) => b.at - a.at);
      return { at, requests: requests.slice(0, request.query.limit), silent };
    });
  },
  { name: 'performance-requests', dependencies: ['operators-only'] },
);
