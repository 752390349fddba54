/** Samples of who has held a connection of each pool for longest: a request that waited learns whom it waited for. */
import type { RequestRecord } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import { every, type TaskFailed } from '@tidemark/service';

type Holder = NonNullable<RequestRecord['holder']>;

/** Shorter waits and uses are the ordinary course. */
const MIN_MS = 50;
const INTERVAL_MS = 100;
/** 60 s of samples. */
const MAX_SAMPLES = 600;
const MAX_HELD = 20;

export interface PoolHolders {
  /** The longest holder of a connection of the pool between two times of performance.now(). */
  during(pool: string, from: number, to: number): Holder | null;
  stop(): void;
}

export function samplePoolHolders(db: Pick<Database, 'held'>, observe: (event: TaskFailed) => void): PoolHolders {
  let samples: { at: number; pool: string; holder: Holder }[] = [];

  function sample(): void {
    const at = performance.now();
    const seen = new Set<string>();
    for (const { pool, route, statement, pid, heldMs, pipeline } of db.held(MAX_HELD)) {
      if (pipeline || heldMs < MIN_MS || seen.has(pool)) continue;
      seen.add(pool);
      samples.push({ at, pool, holder: { route, statement, pid, heldMs } });
    }
    if (samples.length > MAX_SAMPLES) samples = samples.slice(-MAX_SAMPLES);
  }

  const sampling = every('pool holders', INTERVAL_MS, sample, observe, { keepsAlive: false });
  return {
    during(pool, from, to) {
      const found = samples.filter((one) => one.pool === pool && one.at >= from && one.at <= to);
      const longest = found.map(({ holder }) => holder).sort((a, b) => b.heldMs - a.heldMs)[0];
      return longest ? { ...longest, heldMs: Math.round(longest.heldMs) } : null;
    },
    stop: () => sampling.stop(),
  };
}
