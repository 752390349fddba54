/** The files hold no figures, so they need no token. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { BaseApp } from '@tidemark/service';
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

/** The page holds an operator's token: it may load from this origin only, and no other page may frame it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const consoleFiles = fp(
  async (app: BaseApp) => {
    app.get('/console', (_request, reply) => reply.redirect('console/', 308));
    if (!existsSync(ROOT)) {
      app.log.error({ root: ROOT }, '/console/ is not served: run the build script of @tidemark/metrics');
      return;
    }
    // Each page has an address of its own, which a browser may open or reload.
    for (const page of CONSOLE_PAGES) app.get(`/console/${page}`, (_request, reply) => reply.sendFile('index.html'));
    app.register(fastifyStatic, {
      root: ROOT,
      prefix: '/console/',
      cacheControl: false,
      // Answers that accept byte ranges are not compressed.
      acceptRanges: false,
      setHeaders(reply, path) {
        reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
        reply.header('x-content-type-options', 'nosniff');
        reply.header('referrer-policy', 'no-referrer');
        // Names of files in assets/ contain a hash of their content.
        const immutable = path.includes('/assets/');
        reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  },
  { name: 'console-files' },
);
