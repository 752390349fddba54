import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { memoryOf, memoryOfAll } from '../instances/memory.ts';

export const memoryRoute = fp(
  async (app: BaseApp, { monitor }: RouteContext) => {
    app.get('/memory', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      const each = instances.map((telemetry) => ({
        service: telemetry.service,
        instance: telemetry.instance,
        ...telemetry.process,
        ...memoryOf(telemetry),
      }));
      return { at, ...memoryOfAll(instances), instances: each };
    });
  },
  { name: 'performance-memory', dependencies: ['operators-only'] },
);
