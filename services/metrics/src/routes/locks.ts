import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';

const NAME = 'postgres activity';

/** The lock tree of the database: each session or prepared transaction that its sessions wait for, and those sessions. */
export const locksRoute = fp(
  async (app: BaseApp, { collectors }: RouteContext) => {
    app.get('/database/locks', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { activity } = collectors.values();
      const { error, collectedAt } = collectors.states().find(({ name }) => name === NAME) ?? {};
      if (!activity) throw errors.POSTGRES_UNREACHABLE({ reason: error ?? 'Postgres has not answered yet' });
      const waiting = activity.connections.waitingForLock;
      return { at: collectedAt, waiting, roots: activity.locks };
    });
  },
  { name: 'performance-locks', dependencies: ['operators-only'] },
);
