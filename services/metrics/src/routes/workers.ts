import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { workersOfAll } from '../instances/workers.ts';

export const workersRoute = fp(
  async (app: BaseApp, { monitor }: RouteContext) => {
    app.get('/workers/stats', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      const each = instances.flatMap(({ instance, workers }) => (workers ? [{ instance, ...workers }] : []));
      return { at, workers: workersOfAll(instances), instances: each };
    });
  },
  { name: 'performance-workers', dependencies: ['operators-only'] },
);
