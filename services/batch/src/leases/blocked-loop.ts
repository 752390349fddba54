/** Decides when an event loop that a kind on 'main' blocks has to end with its process: nothing else can stop it. */

/** ms that a kind may block the event loop beyond its time limit, or after its job was cancelled. */
const PATIENCE_MS = 10_000;
/** ms between two looks that show that the thread did not run either, since the process or the machine was suspended. */
const SUSPENDED_MS = 2_000;

export interface HeldChunk {
  itemMs: number;
  /** When the renewal of its lease was refused, because its job has ended or another instance runs it; a `now` of `look`. */
  lostAt?: number;
}

export interface BlockedLoop {
  /** Returns why the process has to end. `now` is in ms of any monotonic clock. */
  look(now: number, beats: number, held: Iterable<HeldChunk>): string | undefined;
}

export function createBlockedLoop(): BlockedLoop {
  let lookedAt: number | undefined;
  let beats = -1;
  let beatAt = 0;
  return {
    look(now, counted, held) {
      const isSuspended = lookedAt === undefined || now - lookedAt > SUSPENDED_MS;
      lookedAt = now;
      if (counted !== beats || isSuspended) {
        beats = counted;
        beatAt = now;
        return undefined;
      }
      const blockedMs = now - beatAt;
      if (blockedMs <= PATIENCE_MS) return undefined;
      const chunks = [...held];
      if (chunks.some(({ lostAt }) => lostAt !== undefined && now - lostAt > PATIENCE_MS)) {
        return `the event loop has been blocked for ${Math.round(blockedMs)} ms by an item whose job has ended`;
      }
      const longest = Math.max(0, ...chunks.map(({ itemMs }) => itemMs));
      if (chunks.length === 0 || blockedMs <= longest + PATIENCE_MS) return undefined;
      return `the event loop has been blocked for ${Math.round(blockedMs)} ms, and an item may take ${longest} ms`;
    },
  };
}
