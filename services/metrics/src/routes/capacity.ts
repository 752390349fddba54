import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { capacityOf } from '../health/capacity.ts';

/** A model of scaling needs load that comes near the limit; figures of lower loads would only look like one. */
const NO_MODEL = 'measured loads do not cover enough of the range for a model of scalability';

export const capacityRoute = fp(
  async (app: BaseApp, { monitor, collectors }: RouteContext) => {
    app.get('/capacity', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      return { at, resources: capacityOf(instances, collectors.values()), model: null, why: NO_MODEL };
    });
  },
  { name: 'performance-capacity', dependencies: ['operators-only'] },
);
