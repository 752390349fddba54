import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';

export const findingsRoute = fp(
  async (app: BaseApp, { monitor }: RouteContext) => {
    app.get('/findings', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, status, findings } = monitor.health();
      return { at, status, findings };
    });
  },
  { name: 'performance-findings', dependencies: ['operators-only'] },
);
