import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';

/** Requests by route and table in the last window of ten seconds, beside the last hour of the same. */
export const trafficRoute = fp(
  async (app: BaseApp, { monitor }: RouteContext) => {
    app.get('/requests/routes', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at } = monitor.health();
      const routes = monitor.traffic(at).sort((a, b) => b.requests - a.requests);
      return { at, windowMs: 10_000, routes };
    });
  },
  { name: 'performance-traffic', dependencies: ['operators-only'] },
);
