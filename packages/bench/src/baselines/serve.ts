import { type RunningService, runService } from '@tidemark/service';
import { type FastifyInstance, fastify } from 'fastify';
import postgres from 'postgres';

export function serve(
  name: string,
  register: (app: FastifyInstance, sql: postgres.Sql, url: string) => void,
): Promise<void> {
  return runService({
    name,
    async start(env): Promise<RunningService> {
      const sql = postgres(env.DATABASE_URL ?? '', { max: Number(env.POOL), onnotice: () => {} });
      const app = fastify();
      register(app, sql, env.DATABASE_URL ?? '');
      const url = await app.listen({ host: '127.0.0.1', port: 0 });
      return {
        url,
        phases: [
          { name: 'finish requests', timeoutMs: 2_000, run: () => app.close() },
          { name: 'disconnect', timeoutMs: 2_000, run: () => sql.end({ timeout: 1 }) },
        ],
      };
    },
  });
}
