/** What a server owes answers to, in the order in which it was asked. */
import type { Holder, Rows } from '../types.ts';

/** The server's own statement_timeout answers first; past it by this much, the server is taken for gone. */
const STATEMENT_GRACE_MS = 1_000;

/** Exactly one of the two is defined. */
export type Done = (rows: Rows | undefined, error: Error | undefined) => void;

export interface Pending {
  sentAt: number;
  deadline: number;
  /** Who asked, where that is not the holder of the lease. */
  readonly holder?: Holder | undefined;
  done: Done;
}

/**
 * A list, not a Set: a Set's table, when it is made anew, leaves a pointer to it in the old one. An old table that has become
 * old to the garbage collector keeps all later ones alive, each with its reads and all that hangs on them, until the next major
 * collection (60 % of what a gateway allocated survived then, and its processor time doubled).
 */
export class PendingQueries {
  #pending: Pending[] = [];

  get size(): number {
    return this.#pending.length;
  }

  /** What has waited for longest. */
  get oldest(): Pending | undefined {
    return this.#pending[0];
  }

  /** `timeoutMs`: of the statement; 0 is none. */
  add(pending: Pending, timeoutMs: number): void {
    pending.sentAt = performance.now();
    pending.deadline = timeoutMs > 0 ? pending.sentAt + timeoutMs + STATEMENT_GRACE_MS : Number.POSITIVE_INFINITY;
    this.#pending.push(pending);
  }

  /** False when it was answered or taken before. almost always the first: the reads of a pipeline are some dozens at the most. */
  remove(pending: Pending): boolean {
    const at = this.#pending.indexOf(pending);
    if (at < 0) return false;
    if (at === 0) this.#pending.shift();
    else this.#pending.splice(at, 1);
    return true;
  }

  takeAll(): Pending[] {
    const all = this.#pending;
    this.#pending = [];
    return all;
  }
}
