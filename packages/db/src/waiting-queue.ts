/** Requests that wait for a slot: first come, first served, each with a deadline, all of them with a limit. */
import { QueueControl, ServiceRate } from './queue-control.ts';
import type { Slot } from './slot.ts';
import type { Client } from './types.ts';

interface Waiter {
  since: number;
  resolve: (slot: Slot) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
  forgetClient: (() => void) | undefined;
}

export class WaitingQueue {
  readonly limit: number;
  /** A set keeps the order of arrival and lets one leave from the middle at no cost. */
  readonly #waiters = new Set<Waiter>();
  readonly #rate = new ServiceRate();
  readonly #control: QueueControl | undefined;

  /** `targetMs`: the wait that newcomers are refused for; 0: none are. */
  constructor(limit: number, targetMs = 0) {
    this.limit = limit;
    this.#control = targetMs > 0 ? new QueueControl(targetMs) : undefined;
  }

  get size(): number {
    return this.#waiters.size;
  }

  get isFull(): boolean {
    return this.#waiters.size >= this.limit;
  }

  /** Whether a newcomer is to be refused, so that those who wait are served in time. */
  refuses(): boolean {
    if (this.#control === undefined) return false;
    const now = performance.now();
    const [oldest] = this.#waiters;
    this.#control.update(this.#rate.delayMs(this.size, oldest === undefined ? 0 : now - oldest.since), now);
    // A few who wait for slow statements are no overload (RFC 8033 §4.1 lets short queues pass, too).
    return this.size >= this.limit / 4 && this.#control.refuses();
  }

  /** Resolves with a slot given by `serve`; rejects with `timedOut(waitedMs)` after `ms`, and with `gone()` when the client goes. */
  wait(ms: number, timedOut: (waitedMs: number) => Error, client?: Client, gone?: () => Error): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const since = performance.now();
      const timer = setTimeout(() => {
        this.#remove(waiter);
        reject(timedOut(performance.now() - since));
      }, ms);
      const forgetClient = client?.onGone(() => {
        this.#remove(waiter);
        reject(gone?.());
      });
      const waiter: Waiter = { since, resolve, reject, timer, forgetClient };
      this.#waiters.add(waiter);
    });
  }

  /** Gives the slot to the one who has waited longest; false when nobody waits. */
  serve(slot: Slot): boolean {
    for (const waiter of this.#waiters) {
      this.#remove(waiter);
      if (this.#control !== undefined) this.#rate.departed(this.size, performance.now());
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
    waiter.forgetClient?.();
    this.#waiters.delete(waiter);
  }
}
