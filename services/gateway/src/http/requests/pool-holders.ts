/** Samples of who has held a connection of each pool for longest: they name the holder for which a request waited. */
import type { RequestRecord } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import { every, type Repeating, type TaskFailed } from '@tidemark/service';

type Holder = NonNullable<RequestRecord['holder']>;

/** Shorter waits and uses are the ordinary course. */
const MIN_MS = 50;
const INTERVAL_MS = 100;
/** 60 s of samples. */
const MAX_SAMPLES = 600;
const MAX_HELD = 20;
/** Sampling ends when no request has begun and no connection was held for this time. */
const QUIET_MS = 2_000;

export interface PoolHolders {
  /** Call it as a request begins. */
  begin(): void;
  /** The longest holder of a connection of the pool between two times of performance.now(). */
  during(pool: string, from: number, to: number): Holder | null;
  stop(): void;
}

export function samplePoolHolders(db: Pick<Database, 'held'>, observe: (event: TaskFailed) => void): PoolHolders {
  let sampling: Repeating | undefined;
  let usedAt = 0;
  let stopped = false;
  let samples: { at: number; pool: string; holder: Holder }[] = [];

  function sample(): void {
    const at = performance.now();
    const seen = new Set<string>();
    const held = db.held(MAX_HELD);
    if (held.some(({ pipeline }) => !pipeline)) usedAt = at;
    else if (at - usedAt > QUIET_MS) {
      sampling?.stop();
      sampling = undefined;
    }
    for (const { pool, route, statement, pid, heldMs, pipeline } of held) {
      if (pipeline || heldMs < MIN_MS || seen.has(pool)) continue;
      seen.add(pool);
      samples.push({ at, pool, holder: { route, statement, pid, heldMs } });
    }
    if (samples.length > MAX_SAMPLES) samples = samples.slice(-MAX_SAMPLES);
  }

  return {
    begin() {
      usedAt = performance.now();
      if (!stopped) sampling ??= every('pool holders', INTERVAL_MS, sample, observe, { keepsAlive: false });
    },
    during(pool, from, to) {
      const found = samples.filter((one) => one.pool === pool && one.at >= from && one.at <= to);
      const longest = found.map(({ holder }) => holder).sort((a, b) => b.heldMs - a.heldMs)[0];
      if (!longest) return null;
      return { ...longest, statement: mostSeen(found, longest), heldMs: Math.round(longest.heldMs) };
    },
    stop() {
      stopped = true;
      sampling?.stop();
    },
  };
}

/** A holder runs further statements before it gives the connection back. The one that was seen most took longest. */
function mostSeen(samples: readonly { holder: Holder }[], { pid }: Holder): Holder['statement'] {
  const seen = new Map<Holder['statement'], number>();
  for (const { holder } of samples) {
    if (holder.pid === pid) seen.set(holder.statement, (seen.get(holder.statement) ?? 0) + 1);
  }
  return [...seen].sort(([, a], [, b]) => b - a)[0]![0];
}
