import type { BaseApp } from '@tidemark/service';
import type { Deps } from '../dependencies.ts';

/** `GET /api/v1/performance/health`: the whole system, as of the last second. */
export function healthRoute(app: BaseApp, { pulse }: Deps): void {
  app.get('/health', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return pulse.health();
  });
}
