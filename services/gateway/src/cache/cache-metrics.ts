import type { CacheStats, ReadStats } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import type { Metrics } from '@tidemark/service';
import type { Cache } from './cache.ts';
import type { CacheCounts } from './read-cache.ts';
import type { SharedLevel } from './shared/shared-level.ts';

export function registerCacheMetrics(metrics: Metrics, cache: Cache): void {
  const show = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(value()));
  const count = (name: string, help: string, key: keyof CacheCounts) => show(name, help, () => cache.stats()[key]);
  count('tidemark_cache_bytes', 'Bytes of cached answers', 'bytes');
  count('tidemark_cache_entries', 'Cached answers', 'entries');
  count('tidemark_cache_hits_total', 'Reads answered from the cache', 'hits');
  count('tidemark_cache_misses_total', 'Reads answered by Postgres because the cache had no answer', 'misses');
  count('tidemark_cache_collapsed_total', 'Reads that shared the statement of an equal one', 'collapsed');
  count('tidemark_cache_stored_total', 'Answers that were cached', 'stored');
  count('tidemark_cache_refused_total', 'Answers not cached: older than a change, or too large', 'refused');
  count('tidemark_cache_dropped_total', 'Answers dropped by changes and pauses', 'dropped');
  show('tidemark_cache_paused', '1 while the cache serves no answers', () => (cache.paused() ? 1 : 0));
}

export function registerSharedMetrics(metrics: Metrics, shared: SharedLevel): void {
  const show = (name: string, help: string, key: keyof ReturnType<SharedLevel['stats']>) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(Number(shared.stats()[key])));
  show('tidemark_cache_shared_hits_total', 'Reads answered by an entry of another gateway', 'hits');
  show('tidemark_cache_shared_misses_total', 'Reads for which the second level had no entry', 'misses');
  show(
    'tidemark_cache_shared_refused_total',
    'Entries of the second level that could not be proven to be fresh',
    'refused',
  );
  show('tidemark_cache_shared_stored_total', 'Answers stored in the second level', 'stored');
  show(
    'tidemark_cache_shared_skipped_total',
    'Commands not sent to the second level: no connection, breaker open, too large',
    'skipped',
  );
  show('tidemark_cache_shared_failed_total', 'Commands to the second level that failed or were late', 'failed');
  show('tidemark_cache_shared_pending', 'Pending commands to the second level', 'pending');
  show('tidemark_cache_shared_open', '1 while no commands are sent to the second level', 'open');
}

export function cacheStats(cache: Cache, limitBytes: number): CacheStats {
  const { bytes, entries, hits, misses, stored, refused, dropped } = cache.stats();
  return {
    bytes,
    limitBytes,
    entries,
    hitsTotal: hits,
    missesTotal: misses,
    storedTotal: stored,
    refusedTotal: refused,
    droppedTotal: dropped,
    paused: cache.paused() ?? null,
  };
}

export function readStats(db: Database, cache: Cache | undefined): ReadStats {
  const stats = db.readStats();
  if (!cache) return stats;
  const own = cache.ownReads();
  return {
    ...stats,
    replicaTotal: Math.max(0, stats.replicaTotal - own.replica),
    primaryTotal: Math.max(0, stats.primaryTotal - own.primary),
    cacheTotal: cache.stats().hits,
  };
}
