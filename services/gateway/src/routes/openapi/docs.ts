/** GET /docs: the API in a browser. The page loads only from this server, and may connect only to it. */
import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import { DOCS_CSS, DOCS_HTML, DOCS_JS } from './docs-page.ts';

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  // Swagger UI sets style attributes.
  "style-src 'self' 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const ASSETS = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
} as const;

/** An hour. The assets change with a release. */
const ASSET_CACHE = 'public, max-age=3600';

export const docsRoutes = fp(
  async (app: BaseApp) => {
    const guarded = (reply: FastifyReply) =>
      reply
        .header('content-security-policy', CSP)
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer');
    app.get('/docs', (_request, reply) =>
      guarded(reply).header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(DOCS_HTML),
    );
    app.get('/docs/', (_request, reply) => reply.redirect('/docs', 308));
    app.get('/docs/page.css', (_request, reply) => guarded(reply).type('text/css; charset=utf-8').send(DOCS_CSS));
    app.get('/docs/page.js', (_request, reply) => guarded(reply).type('text/javascript; charset=utf-8').send(DOCS_JS));
    for (const [name, type] of Object.entries(ASSETS)) {
      const file = fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`));
      app.get(`/docs/${name}`, (_request, reply) =>
        guarded(reply).header('cache-control', ASSET_CACHE).type(type).send(createReadStream(file)),
      );
    }
  },
  { name: 'docs-routes' },
);
