/** An idle process gives back what its start, or a busy time, left in its heap. */
import { collectGarbage } from './collect-garbage.ts';

/** Percent of a core. */
const IDLE = 8;
/** Idle looks in a row. */
const MIN_LOOKS = 20;
/** A smaller gain is not worth the pause. */
const MIN_GROWTH_BYTES = 8 * 1024 ** 2;
const MIN_PAUSE_MS = 300_000;

export interface IdleMemory {
  /** Call it each second with the processor's use since the last call. */
  look(cpuPercent: number): Promise<void>;
}

export function watchIdleMemory(collect: () => Promise<unknown> = collectGarbage): IdleMemory {
  let looks = 0;
  let collectedAt = Number.NEGATIVE_INFINITY;
  let leastBytes = 0;
  return {
    async look(cpuPercent) {
      looks = cpuPercent < IDLE ? looks + 1 : 0;
      if (looks < MIN_LOOKS || performance.now() - collectedAt < MIN_PAUSE_MS) return;
      if (process.memoryUsage().heapTotal < leastBytes + MIN_GROWTH_BYTES) return;
      collectedAt = performance.now();
      await collect();
      leastBytes = process.memoryUsage().heapTotal;
    },
  };
}
