/** An idle process gives back what its start, or a busy time, left in its heap, and keeps its young generation small. */
import { setFlagsFromString } from 'node:v8';
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
  /** Whether the process has been idle for all of the last looks. */
  readonly isIdle: boolean;
}

/**
 * V8 doubles the young generation once as many bytes have survived as it has, however long that took: up to 2 × 16 MiB in a
 * process that allocates some hundred KB a second. A busy one needs that room.
 */
const setGrowth = (isIdle: boolean) => setFlagsFromString(`--semi-space-growth-factor=${isIdle ? 1 : 2}`);

export function watchIdleMemory(
  collect: () => Promise<unknown> = collectGarbage,
  growth: (isIdle: boolean) => void = setGrowth,
): IdleMemory {
  let looks = 0;
  let isIdle = false;
  let collectedAt = Number.NEGATIVE_INFINITY;
  let leastBytes = 0;
  return {
    get isIdle() {
      return isIdle;
    },
    async look(cpuPercent) {
      looks = cpuPercent < IDLE ? looks + 1 : 0;
      if (looks >= MIN_LOOKS !== isIdle) {
        isIdle = !isIdle;
        growth(isIdle);
      }
      if (!isIdle || performance.now() - collectedAt < MIN_PAUSE_MS) return;
      if (process.memoryUsage().heapTotal < leastBytes + MIN_GROWTH_BYTES) return;
      collectedAt = performance.now();
      await collect();
      leastBytes = process.memoryUsage().heapTotal;
    },
  };
}
