/** Pauses of the garbage collector, and the heap right after a full collection: what is really in use. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { ProcessStats } from '@tidemark/contracts';

type GarbageCollection = NonNullable<ProcessStats['gc']>;

export interface GarbageCollectionWatch {
  stats(): GarbageCollection;
  stop(): void;
}

/** `onFull` gets the bytes in use after each full collection. */
export function watchGarbageCollection(onFull: (heapBytes: number) => void = () => undefined): GarbageCollectionWatch {
  const stats: GarbageCollection = { total: 0, totalMs: 0, heapAfterBytes: null };
  const observer = new PerformanceObserver((list) => {
    let isFull = false;
    for (const { duration, detail } of list.getEntries() as (PerformanceEntry & { detail?: unknown })[]) {
      stats.total += 1;
      stats.totalMs += duration;
      const { kind } = detail as { kind: number };
      // The observer is called soon after, so the heap has hardly grown.
      if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) isFull = true;
    }
    if (!isFull) return;
    stats.heapAfterBytes = getHeapStatistics().used_heap_size;
    onFull(stats.heapAfterBytes);
  });
  observer.observe({ entryTypes: ['gc'] });
  return { stats: () => ({ ...stats }), stop: () => observer.disconnect() };
}
