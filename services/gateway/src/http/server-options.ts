import type { TrustProxy } from '@tidemark/service';
import type { FastifyHttpOptions, RawServerDefault } from 'fastify';
import type { Config } from '../config.ts';

/** Time limits and sizes of the HTTP server. */
export function serverOptions(config: Config, trust: TrustProxy): FastifyHttpOptions<RawServerDefault> {
  return {
    keepAliveTimeout: config.KEEP_ALIVE_MS,
    requestTimeout: Math.max(config.REQUEST_TIMEOUT_MS, config.FILES_UPLOAD_TIMEOUT_MS),
    bodyLimit: config.BODY_LIMIT_BYTES,
    // With a function that trusts nobody, fastify would still believe X-Forwarded-Host.
    trustProxy: config.TRUST_PROXY === '' ? false : trust,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: true,
    routerOptions: { maxParamLength: 256 },
    http: {
      maxHeaderSize: config.HEADER_LIMIT_BYTES,
      headersTimeout: config.HEADERS_TIMEOUT_MS,
      // Node looks for late requests at this interval; its default of 30 s would make any shorter limit one of 30 s.
      connectionsCheckingInterval: Math.min(2_000, config.HEADERS_TIMEOUT_MS / 4),
    },
  };
}
