import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';

/** The worker threads of all batch instances, and what they have done. */
export const workersRoute = fp(
  async (app: BaseApp, { monitor }: RouteContext) => {
    app.get('/workers/stats', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      const of = instances.flatMap(({ instance, workers }) => (workers ? [{ instance, ...workers }] : []));
      const sum = (read: (workers: (typeof of)[number]) => number) => of.reduce((total, one) => total + read(one), 0);
      const threads = sum((one) => one.threads);
      const workers = {
        threads,
        busy: sum((one) => one.busy),
        available: threads - sum((one) => one.busy),
        admittedBytes: sum((one) => one.admittedBytes),
        admissionLimitBytes: sum((one) => one.admissionLimitBytes),
        itemsDoneTotal: sum((one) => one.itemsDoneTotal),
        itemsFailedTotal: sum((one) => one.itemsFailedTotal),
      };
      return { at, workers, instances: of };
    });
  },
  { name: 'performance-workers', dependencies: ['operators-only'] },
);
