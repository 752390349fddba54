import {
  type BaseApp,
  CompressionCounts,
  type Metrics,
  registerCompression,
  registerCompressionMetrics,
} from '@tidemark/service';
import fp from 'fastify-plugin';
import type { Cache } from '../cache/cache.ts';
import type { CachedAnswer } from '../cache/cached-answer.ts';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** The answer whose body is sent, where the cache may hold it. */
    kept: CachedAnswer | undefined;
  }
}

export interface CompressionDependencies {
  readonly config: Pick<Config, 'COMPRESSION_MIN_BYTES' | 'COMPRESSION_LEVEL'>;
  readonly cache: Cache | undefined;
  readonly metrics: Metrics;
}

export const compression = fp(
  async (app: BaseApp, { config, cache, metrics }: CompressionDependencies) => {
    const counts = new CompressionCounts();
    registerCompressionMetrics(metrics, counts);
    app.decorateReply('kept', undefined);
    await registerCompression<CachedAnswer>(app, {
      minBytes: config.COMPRESSION_MIN_BYTES,
      gzipLevel: config.COMPRESSION_LEVEL,
      counts,
      unacceptable: (asked) => errors.ENCODING({ asked }),
      keptBodies: cache && {
        find: ({ kept }, body) => (kept?.body === body ? kept : undefined),
        keepCoded: (kept, coding, bytes) => cache.keepCoded(kept, coding, bytes),
      },
    });
  },
  { name: 'compression' },
);
