/** The statements that a server has not answered yet, in the order in which they were sent. */
import type { Holder, Rows } from '../types.ts';

/** The server's own statement_timeout answers first; this much later, the server counts as gone. */
const STATEMENT_GRACE_MS = 1_000;

export type Done = (rows: Rows | undefined, error: Error | undefined) => void;

export interface Pending {
  sentAt: number;
  deadline: number;
  /** The caller, if it is not the holder of the lease (a pipeline). */
  readonly holder?: Holder | undefined;
  done: Done;
}

/**
 * An array instead of a Set: the old table of a Set that grows points to the new one and, once in V8's old
 * generation, keeps all later tables alive with their reads: 60 % of a gateway's allocations survived then.
 */
export class PendingQueries {
  #pending: Pending[] = [];

  get size(): number {
    return this.#pending.length;
  }

  get oldest(): Pending | undefined {
    return this.#pending[0];
  }

  add(pending: Pending, timeoutMs: number): void {
    pending.sentAt = performance.now();
    pending.deadline = timeoutMs > 0 ? pending.sentAt + timeoutMs + STATEMENT_GRACE_MS : Number.POSITIVE_INFINITY;
    this.#pending.push(pending);
  }

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
