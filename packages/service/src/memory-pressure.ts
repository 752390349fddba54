/** When the heap is nearly full right after a full collection, caches and buffers give back memory before the process ends for lack of it. */
import { collectGarbage } from './collect-garbage.ts';

export interface MemoryHolder {
  readonly name: string;
  /** Bytes that it could give back. */
  bytes(): number;
  /** Drops content that can be read again, or whose readers are told to start again. */
  giveBack(): void;
}

export type MemoryEvent = {
  type: 'memory.given_back';
  heapBytes: number;
  limitBytes: number;
  /** Bytes by holder. */
  givenBack: Readonly<Record<string, number>>;
};

/** Share of the heap's limit. */
const HIGH = 0.8;
/** A holder fills again, so that more often it would only cost. */
const MIN_PAUSE_MS = 10_000;

/** heap_size_limit counts three semi-spaces of 16 MiB, but the process ends when the rest is full. */
const YOUNG_BYTES = 3 * 16 * 1024 ** 2;

export const oldGenerationLimit = (heapLimitBytes: number): number =>
  Math.max(heapLimitBytes / 2, heapLimitBytes - YOUNG_BYTES);

export interface MemoryPressureOptions {
  holders: readonly MemoryHolder[];
  limitBytes: number;
  observe: (event: MemoryEvent) => void;
  collect?: () => Promise<unknown>;
}

export interface MemoryPressure {
  /** Call it after each full collection with the bytes that are still in use. */
  collected(heapBytes: number): void;
}

export function watchMemoryPressure(options: MemoryPressureOptions): MemoryPressure {
  const { holders, limitBytes, observe, collect = collectGarbage } = options;
  let gaveBackAt = Number.NEGATIVE_INFINITY;
  return {
    collected(heapBytes) {
      const now = performance.now();
      if (heapBytes < limitBytes * HIGH || now - gaveBackAt < MIN_PAUSE_MS) return;
      gaveBackAt = now;
      const givenBack: Record<string, number> = {};
      for (const holder of holders) {
        givenBack[holder.name] = holder.bytes();
        holder.giveBack();
      }
      observe({ type: 'memory.given_back', heapBytes, limitBytes, givenBack });
      // It cannot fail; without it, the next ordinary collection frees the memory.
      if (holders.length > 0) void collect().catch(() => undefined);
    },
  };
}
