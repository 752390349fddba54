import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';

export const healthRoute = fp(
  async (app: BaseApp, { monitor, path = '/health' }: RouteContext & { path?: string }) => {
    app.get(path, async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return monitor.health();
    });
  },
  { name: 'performance-health', dependencies: ['operators-only'] },
);
