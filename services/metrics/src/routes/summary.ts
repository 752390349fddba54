import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { summaryOf } from '../health/summary.ts';

export const summaryRoute = fp(
  async (app: BaseApp, { monitor, latencies }: RouteContext) => {
    app.get('/summary', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return summaryOf(monitor.health(), latencies);
    });
  },
  { name: 'performance-summary', dependencies: ['operators-only'] },
);
