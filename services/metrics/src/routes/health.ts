import type { BaseApp } from '@tidemark/service';
import type { AppDependencies } from '../context.ts';

/** `GET /api/v1/performance/health`: the whole system, as of the last second. */
export function healthRoute(app: BaseApp, { monitor }: AppDependencies): void {
  app.get('/health', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return monitor.health();
  });
}
