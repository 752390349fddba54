/** The files hold no figures, so they need no token. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import { type BaseApp, pageFiles } from '@tidemark/service';
import fp from 'fastify-plugin';

/** The path is the same from src/ (in tests) and from dist/. */
const ROOT = fileURLToPath(new URL('../../dist/console', import.meta.url));

/** They are one file, which looks at the address. The names are those of `console/src/address/pages.ts`. */
export const CONSOLE_PAGES = [
  'requests',
  'queries',
  'database',
  'live',
  'jobs',
  'processes',
  'incidents',
  'data',
] as const;

export const consoleFiles = fp(
  async (app: BaseApp) => {
    app.get('/console', (_request, reply) => reply.redirect('console/', 308));
    if (!existsSync(ROOT)) {
      app.log.error({ root: ROOT }, '/console/ is not served: run the build script of @tidemark/metrics');
      return;
    }
    // Each page has an address of its own, which a browser may open or reload.
    for (const page of CONSOLE_PAGES) app.get(`/console/${page}`, (_request, reply) => reply.sendFile('index.html'));
    app.register(fastifyStatic, { ...pageFiles, root: ROOT, prefix: '/console/' });
  },
  { name: 'console-files' },
);
