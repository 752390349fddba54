import type { Telemetry } from '@tidemark/contracts';

/** Differences between two telemetries of one process, per second. `refused`, `timeouts` and `acquired` are by pool name. */
export interface Rates {
  requests?: number;
  errors?: number;
  reads?: { replica: number; primary: number; cache: number };
  refused?: Record<string, number>;
  timeouts?: Record<string, number>;
  acquired?: Record<string, number>;
  deliveries?: number;
  frames?: number;
  resyncs?: number;
  changes?: number;
  chunks?: number;
  items?: number;
  chunksFailed?: number;
}

/** Returns undefined when the two come from different processes, or are out of order. */
export function ratesBetween(before: Telemetry, after: Telemetry): Rates | undefined {
  const seconds = (after.at - before.at) / 1_000;
  if (before.pid !== after.pid || before.startedAt !== after.startedAt || seconds <= 0) return undefined;
  const rate = (from: number, to: number) => Math.max(0, to - from) / seconds;
  const rates: Rates = {};
  if (before.http && after.http) {
    rates.requests = rate(before.http.requestsTotal, after.http.requestsTotal);
    rates.errors = rate(before.http.errorsTotal, after.http.errorsTotal);
  }
  if (before.reads && after.reads) {
    rates.reads = {
      replica: rate(before.reads.replicaTotal, after.reads.replicaTotal),
      primary: rate(before.reads.primaryTotal, after.reads.primaryTotal),
      cache: rate(before.reads.cacheTotal, after.reads.cacheTotal),
    };
  }
  if (before.pools && after.pools) {
    rates.refused = {};
    rates.timeouts = {};
    rates.acquired = {};
    for (const pool of after.pools) {
      const earlier = before.pools.find((other) => other.name === pool.name);
      if (!earlier) continue;
      rates.refused[pool.name] = rate(earlier.refusedTotal, pool.refusedTotal);
      rates.timeouts[pool.name] = rate(earlier.timeoutsTotal, pool.timeoutsTotal);
      rates.acquired[pool.name] = rate(earlier.acquiredTotal, pool.acquiredTotal);
    }
  }
  if (before.sockets && after.sockets) {
    rates.deliveries = rate(before.sockets.deliveredTotal, after.sockets.deliveredTotal);
    rates.frames = rate(before.sockets.framesTotal, after.sockets.framesTotal);
    rates.resyncs = rate(before.sockets.resyncsTotal, after.sockets.resyncsTotal);
  }
  if (before.relay && after.relay) rates.changes = rate(before.relay.changesTotal, after.relay.changesTotal);
  if (before.workers && after.workers) {
    rates.chunks = rate(before.workers.chunksDoneTotal, after.workers.chunksDoneTotal);
    rates.items = rate(before.workers.itemsDoneTotal, after.workers.itemsDoneTotal);
    rates.chunksFailed = rate(before.workers.chunksFailedTotal, after.workers.chunksFailedTotal);
  }
  return rates;
}
