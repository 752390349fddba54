/** The console's files. They hold no figures, so they need no token; the page asks for one. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { BaseApp } from '@tidemark/service';

/** The same from src/ (tests) and from dist/. */
const FOLDER = fileURLToPath(new URL('../../dist/console', import.meta.url));

/** The page may load from this origin alone, and nobody may frame it: it holds an operator's token. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function consoleRoute(app: BaseApp, folder = FOLDER): void {
  app.get('/console', (_request, reply) => reply.redirect('console/', 308));
  if (!existsSync(folder)) {
    app.log.error(
      { folder },
      'the console is not built, so /console/ is not served: run the build script of @tidemark/metrics',
    );
    return;
  }
  app.register(fastifyStatic, {
    root: folder,
    prefix: '/console/',
    cacheControl: false,
    // Without ranges of bytes, the files can be compressed.
    acceptRanges: false,
    setHeaders(reply, path) {
      reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
      reply.header('x-content-type-options', 'nosniff');
      reply.header('referrer-policy', 'no-referrer');
      // Files below assets/ carry a hash of their content in their name.
      const immutable = path.includes('/assets/');
      reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
}
