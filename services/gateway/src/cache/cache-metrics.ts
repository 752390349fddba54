import type { ReadStats } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import type { Metrics } from '@tidemark/service';
import type { Cache } from './cache.ts';
import type { CacheCounts } from './read-cache.ts';
import type { SharedLevel } from './shared/shared-level.ts';

/** What the page of metrics shows of the cache. */
export function registerCacheMetrics(metrics: Metrics, cache: Cache): void {
  const show = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(value()));
  const count = (name: string, help: string, key: keyof CacheCounts) => show(name, help, () => cache.stats()[key]);
  count('tidemark_cache_bytes', 'Bytes of answers kept', 'bytes');
  count('tidemark_cache_entries', 'Answers kept', 'entries');
  count('tidemark_cache_hits_total', 'Reads answered from the cache', 'hits');
  count('tidemark_cache_misses_total', 'Reads that the cache had to ask Postgres for', 'misses');
  count('tidemark_cache_collapsed_total', 'Reads that shared the statement of an equal one', 'collapsed');
  count('tidemark_cache_stored_total', 'Answers that were kept', 'stored');
  count('tidemark_cache_refused_total', 'Answers that did not count: older than a change, or too large', 'refused');
  count('tidemark_cache_dropped_total', 'Answers dropped by changes and pauses', 'dropped');
  show('tidemark_cache_paused', '1 while nothing is served from the cache', () => (cache.paused() ? 1 : 0));
}

/** And of its second level. */
export function registerSharedMetrics(metrics: Metrics, shared: SharedLevel): void {
  const show = (name: string, help: string, key: keyof ReturnType<SharedLevel['stats']>) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(Number(shared.stats()[key])));
  show('tidemark_cache_shared_hits_total', 'Reads answered by what another gateway had read', 'hits');
  show('tidemark_cache_shared_misses_total', 'Reads that the second level did not have', 'misses');
  show('tidemark_cache_shared_refused_total', 'Answers of it that could not be proven to be fresh', 'refused');
  show('tidemark_cache_shared_stored_total', 'Answers given to it', 'stored');
  show(
    'tidemark_cache_shared_skipped_total',
    'Times that it was not asked: no connection, breaker open, too large',
    'skipped',
  );
  show('tidemark_cache_shared_failed_total', 'Times that it failed or was late', 'failed');
  show('tidemark_cache_shared_pending', 'Commands under way to it', 'pending');
  show('tidemark_cache_shared_open', '1 while it is not asked', 'open');
}

/** The database's figures with the cache's, and without the reads that the cache makes for itself. */
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
