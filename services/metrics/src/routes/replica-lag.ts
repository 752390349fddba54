import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';

/** The lag of each replica as the primary measures it, and as each instance that reads from it does. */
export const replicaLagRoute = fp(
  async (app: BaseApp, { monitor, collectors }: RouteContext) => {
    app.get('/database/replica-lag', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { replication } = collectors.values();
      const state = collectors.states().find(({ name }) => name === 'postgres replication');
      if (!replication) throw errors.POSTGRES_UNREACHABLE({ reason: state?.error ?? 'Postgres has not answered yet' });
      const seenBy = monitor
        .health()
        .instances.flatMap(({ service, instance, replicas = [] }) =>
          replicas.map((replica) => ({ service, instance, ...replica })),
        );
      return { at: state?.collectedAt ?? null, replicas: replication.replicas, seenBy };
    });
  },
  { name: 'performance-replica-lag', dependencies: ['operators-only'] },
);
