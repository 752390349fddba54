/**
 * The time that tenants and jobs used of this instance's threads, which halves every 30 s. The next chunk is of the tenant that
 * used least. Every instance shares out its own threads, so that nothing is written for it.
 */

export interface Turn {
  /** ms by job, and by tenant as "t:<tenant>". */
  used: Record<string, number>;
  /** Running chunks whose items take more than 2 s, and how many of them may run. */
  long: number;
  mostLong: number;
  /** Running chunks of jobs of which no item is measured yet, by tenant. */
  unmeasured: Record<string, number>;
}

export interface UsedChunk {
  tenant: string;
  job: string;
  itemMs: number | null;
}

export interface ThreadUsage {
  /** Returns a function to call at the end of the chunk. */
  begin(chunk: UsedChunk): () => void;
  turn(): Turn;
}

const HALF_LIFE_MS = 30_000;
/** The statement that takes a chunk carries them. */
const MAX_KEYS = 1_000;
const LONG_ITEM_MS = 2_000;
/** A chunk gives way after a second and its current item, so that one that runs for longer has a long item. */
const LONG_CHUNK_MS = 3_000;

export function createThreadUsage(threads: number, now: () => number = () => performance.now()): ThreadUsage {
  const past = new Map<string, { ms: number; at: number }>();
  // The slots of the instance bound this set.
  const running = new Set<UsedChunk & { startedAt: number }>();

  const decayed = ({ ms, at }: { ms: number; at: number }, to: number) => ms * 0.5 ** ((to - at) / HALF_LIFE_MS);

  function add(key: string, ms: number, at: number): void {
    const before = past.get(key);
    past.set(key, { ms: ms + (before ? decayed(before, at) : 0), at });
    if (past.size > MAX_KEYS) forgetSmall(at);
  }

  function forgetSmall(at: number): void {
    const keys = [...past].sort(([, a], [, b]) => decayed(b, at) - decayed(a, at)).map(([key]) => key);
    for (const key of keys.slice(MAX_KEYS / 2)) past.delete(key);
  }

  return {
    begin(chunk) {
      const entry = { ...chunk, startedAt: now() };
      running.add(entry);
      return () => {
        if (!running.delete(entry)) return;
        const at = now();
        for (const key of keysOf(entry)) add(key, at - entry.startedAt, at);
      };
    },
    turn() {
      const at = now();
      const used: Record<string, number> = {};
      const unmeasured: Record<string, number> = {};
      let long = 0;
      for (const [key, use] of past) used[key] = Math.round(decayed(use, at));
      for (const entry of running) {
        const ms = at - entry.startedAt;
        for (const key of keysOf(entry)) used[key] = (used[key] ?? 0) + Math.round(ms);
        if ((entry.itemMs ?? 0) > LONG_ITEM_MS || ms > LONG_CHUNK_MS) long += 1;
        else if (entry.itemMs === null) unmeasured[entry.tenant] = (unmeasured[entry.tenant] ?? 0) + 1;
      }
      return { used, long, mostLong: Math.max(1, threads - 1), unmeasured };
    },
  };
}

const keysOf = ({ tenant, job }: UsedChunk) => [`t:${tenant}`, job];
