/** PostGraphile 4 with the settings of its production guide, on the same number of connections. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runService } from '@tidemark/service';
import { type PostGraphileOptions, postgraphile } from 'postgraphile';

export const servePostgraphile = (name: string, options: PostGraphileOptions) =>
  runService({
    name,
    async start(env) {
      const handler = postgraphile({ connectionString: env.DATABASE_URL, max: Number(env.POOL) }, 'public', {
        graphiql: false,
        disableQueryLog: true,
        disableDefaultMutations: true,
        retryOnInitFail: false,
        ...options,
      });
      const server = createServer(handler);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        phases: [
          {
            name: 'finish requests',
            timeoutMs: 2_000,
            run: () =>
              new Promise<void>((resolve) => {
                server.close(() => resolve());
                server.closeAllConnections();
              }),
          },
          { name: 'disconnect', timeoutMs: 2_000, run: () => handler.release() },
        ],
      };
    },
  });
