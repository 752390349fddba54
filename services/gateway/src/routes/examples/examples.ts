/** GET /examples/: the example pages of the client, where EXAMPLES_DIR names their folder. The files need no token; what they ask for does. */
import fastifyStatic from '@fastify/static';
import { type BaseApp, pageFiles } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { Config } from '../../config.ts';

export const examplesRoute = fp(
  async (app: BaseApp, { config }: { config: Config }) => {
    if (config.EXAMPLES_DIR === '') return;
    app.get('/examples', (_request, reply) => reply.redirect('examples/', 308));
    app.register(fastifyStatic, { ...pageFiles, root: config.EXAMPLES_DIR, prefix: '/examples/', redirect: true });
  },
  { name: 'examples-route' },
);
