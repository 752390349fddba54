/** Connections of all instances: pools, those that use them, and those that do not give them back. */
import { HeldAnswer, INSPECTION_LIST_LIMIT } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { askInstances } from '../instances/ask.ts';
import { inspectedInstances } from '../instances/inspected.ts';
import { poolsByName } from '../instances/pools.ts';
import { operatorToken } from '../plugins/operators-only.ts';
import { ListQuery } from './list-query.ts';

export const connectionsRoute = fp(
  async (app: BaseApp, { monitor, latencies, bus }: RouteContext) => {
    async function heldBy(token: string, limit: number) {
      const names = inspectedInstances(monitor.health());
      const { answers, silent } = await askInstances<HeldAnswer>(
        bus,
        'held',
        names,
        () => ({ token, limit }),
        HeldAnswer,
      );
      const all = answers.flatMap(({ instance, answer }) => answer.held.map((held) => ({ instance, ...held })));
      return { held: all.sort((a, b) => b.heldMs - a.heldMs).slice(0, limit), silent };
    }

    app.get('/database/pools', { schema: { querystring: ListQuery } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      const holders = await heldBy(operatorToken(request), request.query.limit);
      return { at, pools: poolsByName(instances, latencies, at), ...holders };
    });

    app.get('/database/connection-leaks', { schema: { querystring: ListQuery } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at } = monitor.health();
      const { held, silent } = await heldBy(operatorToken(request), INSPECTION_LIST_LIMIT);
      return { at, leaks: held.filter(({ leaked }) => leaked).slice(0, request.query.limit), silent };
    });
  },
  { name: 'performance-connections', dependencies: ['operators-only'] },
);
