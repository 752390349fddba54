/** Operators only: the page names tables and roles, and rendering takes 20 ms, so it is kept for METRICS_CACHE_MS. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { BaseApp } from './base-app-type.ts';
import { registerCompression } from './compression/compress-replies.ts';
import { authErrors } from './errors.ts';
import type { Metrics } from './metrics.ts';
import { exemplarsOf, OPEN_METRICS_TYPE, prefersOpenMetrics, toOpenMetrics } from './open-metrics.ts';
import { sharedResult } from './shared-result.ts';

export interface MetricsPageOptions {
  readonly token: string;
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
      reply.header('cache-control', 'no-store').header('vary', 'accept');
      if (prefersOpenMetrics(request.headers.accept))
        return reply.type(OPEN_METRICS_TYPE).send(toOpenMetrics(await page(), exemplarsOf(metrics.registry)));
      return reply.type(metrics.registry.contentType).send(await page());
    });
  });
}

/** Digests have equal length, so the time reveals nothing. An empty secret equals nothing. */
function constantTimeComparison(secret: string): (given: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(secret);
  return (given) => secret !== '' && timingSafeEqual(digest(given), expected);
}
