/**
 * Serves `/metrics` to operators only: rendering takes about 20 ms of the event loop, and the page names tables, roles and
 * instances. All requests within METRICS_CACHE_MS get the same page, so that frequent requests cost nothing.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { BaseApp } from './base-app-type.ts';
import { registerCompression } from './compression/compress-replies.ts';
import { authErrors } from './errors.ts';
import type { Metrics } from './metrics.ts';
import { sharedResult } from './shared-result.ts';

export interface MetricsPageOptions {
  /** METRICS_TOKEN; empty: operators only. */
  readonly token: string;
  /** METRICS_CACHE_MS. */
  readonly cacheMs: number;
  /** Undefined in a service that verifies no tokens. */
  readonly isOperator?: ((request: FastifyRequest) => Promise<boolean>) | undefined;
}

export function metricsRoute(app: BaseApp, metrics: Metrics, options: MetricsPageOptions): void {
  const { isOperator } = options;
  const isScraper = constantTimeComparison(options.token);
  const page = sharedResult(() => metrics.registry.metrics(), options.cacheMs);

  app.register(async (scope) => {
    await registerCompression(scope as unknown as BaseApp);
    scope.get('/metrics', { logLevel: 'silent' }, async (request, reply) => {
      const scheme = /^bearer\s+(\S+)$/i.exec(request.headers.authorization?.trim() ?? '');
      const mayRead = isScraper(scheme?.[1] ?? '') || (isOperator !== undefined && (await isOperator(request)));
      if (!mayRead) throw authErrors.METRICS();
      reply.type(metrics.registry.contentType).header('cache-control', 'no-store');
      return page();
    });
  });
}

/** Compares digests of equal length, so that the time reveals nothing about the secret. An empty secret equals nothing. */
function constantTimeComparison(secret: string): (given: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(secret);
  return (given) => secret !== '' && timingSafeEqual(digest(given), expected);
}
