/**
 * The requests that wait for a connection of a pool, short ones apart from long ones (statements/run-times.ts), so that neither stands before
 * the other. A free connection goes to the identity that holds the fewest, then to the one whose first request is oldest. One
 * connection in eight goes to the oldest request of all that may have it: the n-th request in the order of arrival is served
 * after at most 8 n connections.
 */
import type { PooledConnection } from '../connection/connection.ts';
import { CLASSES, type LeaseClass } from '../statements/run-times.ts';
import { type Wait, type Waiter, WaitingQueue } from './waiting-queue.ts';

const BY_AGE_EVERY = 8;
/** The part of the places that long requests may have. */
const LONG_PLACES = 0.8;

export interface Connections {
  readonly held: (key: string | undefined) => number;
  readonly mayTake: (key: string | undefined, leaseClass: LeaseClass) => boolean;
}

export interface Next {
  readonly waiter: Waiter;
  readonly leaseClass: LeaseClass;
}

export class WaitingLines {
  readonly #limit: number;
  readonly #queues: Readonly<Record<LeaseClass, WaitingQueue>>;
  #served = 0;

  constructor(limit: number, targetMs: number) {
    this.#limit = limit;
    const longLimit = Math.min(limit, Math.max(1, Math.floor(limit * LONG_PLACES)));
    this.#queues = { short: new WaitingQueue(limit, targetMs), long: new WaitingQueue(longLimit, targetMs) };
  }

  get size(): number {
    return this.#queues.short.size + this.#queues.long.size;
  }

  waiting(leaseClass: LeaseClass): number {
    return this.#queues[leaseClass].size;
  }

  /** @param isAway no connection is open, so the server is away and not overloaded: requests then wait up to their timeout */
  refuses(key: string | undefined, leaseClass: LeaseClass, isAway: boolean): boolean {
    const queue = this.#queues[leaseClass];
    return this.size >= this.#limit || queue.isFullFor(key) || (!isAway && queue.refuses(key));
  }

  some(isMeant: (key: string | undefined, leaseClass: LeaseClass) => boolean): boolean {
    return CLASSES.some((leaseClass) => this.#queues[leaseClass].some((key) => isMeant(key, leaseClass)));
  }

  wait(wait: Wait, leaseClass: LeaseClass): Promise<PooledConnection> {
    return this.#queues[leaseClass].wait(wait);
  }

  /** Removes and returns the request to be served next, if one may have a connection. The caller must resolve it at once. */
  next({ held, mayTake }: Connections): Next | undefined {
    if (this.size === 0) return undefined;
    const byAge = (this.#served + 1) % BY_AGE_EVERY === 0;
    let next: Next | undefined;
    for (const leaseClass of CLASSES) {
      const queue = this.#queues[leaseClass];
      if (queue.size === 0) continue;
      const may = (key: string | undefined) => mayTake(key, leaseClass);
      const waiter = byAge ? queue.oldest(may) : queue.fewest(held, may);
      if (waiter === undefined) continue;
      const fewer = next === undefined || byAge ? 0 : held(waiter.key) - held(next.waiter.key);
      if (next === undefined || fewer < 0 || (fewer === 0 && waiter.since < next.waiter.since)) {
        next = { waiter, leaseClass };
      }
    }
    if (next === undefined) return undefined;
    this.#served++;
    this.#queues[next.leaseClass].serve(next.waiter);
    return next;
  }

  rejectAll(error: () => Error): void {
    for (const leaseClass of CLASSES) this.#queues[leaseClass].rejectAll(error);
  }
}
