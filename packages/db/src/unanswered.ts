/** What a server owes answers to, in the order in which it was asked. */
import type { Holder, Rows } from './types.ts';

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

export class Unanswered {
  readonly #pending = new Set<Pending>();

  get size(): number {
    return this.#pending.size;
  }

  /** What has waited for longest. */
  get oldest(): Pending | undefined {
    for (const oldest of this.#pending) return oldest;
    return undefined;
  }

  /** `timeoutMs`: of the statement; 0 is none. */
  add(pending: Pending, timeoutMs: number): void {
    pending.sentAt = performance.now();
    pending.deadline = timeoutMs > 0 ? pending.sentAt + timeoutMs + STATEMENT_GRACE_MS : Number.POSITIVE_INFINITY;
    this.#pending.add(pending);
  }

  /** False when it was answered or taken before. */
  delete(pending: Pending): boolean {
    return this.#pending.delete(pending);
  }

  takeAll(): Pending[] {
    const all = [...this.#pending];
    this.#pending.clear();
    return all;
  }
}
