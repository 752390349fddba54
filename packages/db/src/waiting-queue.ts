/** Requests that wait for a slot: first come, first served, each with a deadline, all of them with a limit. */
import type { Slot } from './slot.ts';

interface Waiter {
  since: number;
  resolve: (slot: Slot) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

export class WaitingQueue {
  readonly limit: number;
  /** A set keeps the order of arrival and lets one leave from the middle at no cost. */
  readonly #waiters = new Set<Waiter>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#waiters.size;
  }

  get isFull(): boolean {
    return this.#waiters.size >= this.limit;
  }

  /** Resolves with a slot given by `serve`; rejects with `timedOut(waitedMs)` after `ms`. */
  wait(ms: number, timedOut: (waitedMs: number) => Error): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const since = performance.now();
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(timedOut(performance.now() - since));
      }, ms);
      const waiter: Waiter = { since, resolve, reject, timer };
      this.#waiters.add(waiter);
    });
  }

  /** Gives the slot to the one who has waited longest; false when nobody waits. */
  serve(slot: Slot): boolean {
    for (const waiter of this.#waiters) {
      this.#remove(waiter);
      waiter.resolve(slot);
      return true;
    }
    return false;
  }

  rejectAll(error: () => Error): void {
    for (const waiter of this.#waiters) {
      this.#remove(waiter);
      waiter.reject(error());
    }
  }

  #remove(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
  }
}
