import { setTimeout as delay } from 'node:timers/promises';

export interface Pace {
  /** Waits until a call to the target may start. Returns the seconds to wait when there are too many before it. */
  wait(target: string, perSecond: number, signal: AbortSignal): Promise<number | undefined>;
}

/** A longer wait would only hold a place, so the item comes again. */
const MAX_WAIT_MS = 2_000;
const MAX_TARGETS = 1_000;

/** The calls of an instance to a target start at even distances. */
export function createPace(): Pace {
  const nextAt = new Map<string, number>();
  return {
    async wait(target, perSecond, signal) {
      const now = performance.now();
      if (nextAt.size > MAX_TARGETS) for (const [key, at] of nextAt) if (at < now) nextAt.delete(key);
      const at = Math.max(now, nextAt.get(target) ?? 0);
      if (at - now > MAX_WAIT_MS) return (at - now) / 1_000;
      nextAt.set(target, at + 1_000 / perSecond);
      if (at > now) await delay(at - now, undefined, { signal });
      return undefined;
    },
  };
}
