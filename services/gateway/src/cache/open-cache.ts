/** Composes the cache from the settings: both levels, and their metrics. */
import type { Bus } from '@tidemark/bus';
import type { Database } from '@tidemark/db';
import type { Metrics } from '@tidemark/service';
import { type Config, NO_ROLE } from '../config.ts';
import { type Cache, type CacheEvent, createCache } from './cache.ts';
import { registerCacheMetrics, registerSharedMetrics } from './cache-metrics.ts';
import { openSharedLevel } from './shared/open-shared-level.ts';

/** The share of CACHE_BYTES for the records of the fast path: at about 2 KB a request, 4,000 of them with the default. */
export const FAST_PATH_SHARE = 1 / 8;

export interface OpenCacheOptions {
  readonly config: Config;
  readonly db: Database;
  readonly bus: Bus;
  readonly metrics: Metrics;
  observe(event: CacheEvent): void;
}

export interface OpenedCache {
  /** Undefined with CACHE_BYTES=0. */
  readonly cache: Cache | undefined;
  stop(): Promise<void>;
}

export async function openCache({ config, db, bus, metrics, observe }: OpenCacheOptions): Promise<OpenedCache> {
  // A function before each statement may refuse a request, or change what it sees.
  if (config.CACHE_BYTES === 0 || config.DB_PRE_REQUEST !== '') return { cache: undefined, stop: async () => {} };
  const shared = await openSharedLevel(config, db.pools.admin, (error) => {
    observe({ type: 'cache.shared_failed', error });
  });
  if (shared) registerSharedMetrics(metrics, shared);
  const maxBytes = Math.ceil(config.CACHE_BYTES * (1 - FAST_PATH_SHARE));
  const cache = createCache({
    db,
    bus,
    maxBytes,
    maxEntryBytes: Math.min(config.CACHE_ENTRY_BYTES, maxBytes),
    maxEntries: config.CACHE_MAX_ENTRIES,
    ttlMs: config.CACHE_TTL_MS,
    silenceMs: config.CACHE_SILENCE_MS,
    waitMs: config.CACHE_WAIT_MS,
    publication: config.CACHE_PUBLICATION,
    role: config.DB_ANON_ROLE === NO_ROLE ? 'tidemark_none' : config.DB_ANON_ROLE,
    shared,
    observe,
  });
  registerCacheMetrics(metrics, cache);
  return {
    cache,
    async stop() {
      await cache.stop();
      await shared?.stop();
    },
  };
}
