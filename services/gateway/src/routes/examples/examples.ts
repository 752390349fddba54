/** GET /examples/: the example pages of the client, where EXAMPLES_DIR names their folder. The files need no token; what they ask for does. */
import fastifyStatic from '@fastify/static';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { Config } from '../../config.ts';

/** The page holds a user's token: it may load from this origin only, and no other page may frame it. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const examplesRoute = fp(
  async (app: BaseApp, { config }: { config: Config }) => {
    if (config.EXAMPLES_DIR === '') return;
    app.get('/examples', (_request, reply) => reply.redirect('examples/', 308));
    app.register(fastifyStatic, {
      root: config.EXAMPLES_DIR,
      prefix: '/examples/',
      redirect: true,
      cacheControl: false,
      acceptRanges: false,
      setHeaders(reply, path) {
        reply.header('content-security-policy', CSP);
        reply.header('x-content-type-options', 'nosniff');
        reply.header('referrer-policy', 'no-referrer');
        // Names of files in assets/ contain a hash of their content.
        reply.header('cache-control', path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  },
  { name: 'examples-route' },
);
