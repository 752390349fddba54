/** The worker processes and threads: how many, and what each of them does. */
import { ThreadsAnswer } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { askInstances } from '../instances/ask.ts';
import { inspectedInstances } from '../instances/inspected.ts';
import { workersOfAll } from '../instances/workers.ts';
import { operatorToken } from '../plugins/operators-only.ts';

export const workersRoute = fp(
  async (app: BaseApp, { monitor, bus }: RouteContext) => {
    app.get('/workers/stats', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      const each = instances.flatMap(({ instance, workers }) => (workers ? [{ instance, ...workers }] : []));
      return { at, workers: workersOfAll(instances), instances: each };
    });

    app.get('/workers/info', async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const health = monitor.health();
      const question = { token: operatorToken(request) };
      const names = inspectedInstances(health);
      const asked = await askInstances<ThreadsAnswer>(bus, 'threads', names, () => question, ThreadsAnswer);
      const workers = asked.answers.flatMap(({ instance, answer }) =>
        answer.workers.map((worker) => ({ instance, ...worker })),
      );
      return { at: health.at, workers, silent: asked.silent };
    });
  },
  { name: 'performance-workers', dependencies: ['operators-only'] },
);
