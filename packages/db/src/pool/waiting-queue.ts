/**
 * Requests of one class (statements/run-times.ts) that wait for a connection, in a line for each identity. Half of the places are
 * open to all; beyond that an identity may have its share of them.
 */
import type { PooledConnection } from '../connection/connection.ts';
import type { Client } from '../types.ts';
import { PieController, ServiceRate } from './pie-controller.ts';

const SHARE = 0.05;

export interface Waiter {
  readonly key: string | undefined;
  readonly since: number;
  resolve: (connection: PooledConnection) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
  forgetClient: (() => void) | undefined;
}

export interface Wait {
  key: string | undefined;
  ms: number;
  timedOut: () => Error;
  client?: Client | undefined;
  gone?: () => Error;
}

export class WaitingQueue {
  readonly limit: number;
  readonly #share: number;
  /** Waiting requests by identity, in the order of arrival; no set is empty. A set removes from the middle at no cost. */
  readonly #lines = new Map<string | undefined, Set<Waiter>>();
  readonly #rate = new ServiceRate();
  readonly #control: PieController | undefined;
  #size = 0;

  constructor(limit: number, targetMs = 0) {
    this.limit = limit;
    this.#share = Math.max(1, Math.floor(limit * SHARE));
    this.#control = targetMs > 0 ? new PieController(targetMs) : undefined;
  }

  get size(): number {
    return this.#size;
  }

  isFullFor(key: string | undefined): boolean {
    if (this.#size >= this.limit) return true;
    if (key === undefined || this.#size < this.limit / 2) return false;
    return (this.#lines.get(key)?.size ?? 0) >= this.#share;
  }

  refuses(key: string | undefined): boolean {
    if (this.#control === undefined) return false;
    const now = performance.now();
    const oldest = this.oldest(() => true);
    const oldestMs = oldest === undefined ? 0 : now - oldest.since;
    this.#control.update(this.#rate.delayMs(this.#size, oldestMs), now);
    // A few requests that wait for slow statements are no overload (RFC 8033 §4.1 lets short queues pass, too).
    if (this.#size < this.limit / 4) return false;
    // An identity without waiting requests waits for one request of each other identity, and not for all of them.
    const isNew = !this.#lines.has(key);
    if (isNew && this.#rate.delayMs(this.#lines.size, 0) < this.#control.targetMs / 2) return false;
    return this.#control.refuses();
  }

  some(isMeant: (key: string | undefined) => boolean): boolean {
    for (const key of this.#lines.keys()) if (isMeant(key)) return true;
    return false;
  }

  wait({ key, ms, timedOut, client, gone }: Wait): Promise<PooledConnection> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#remove(waiter);
        reject(timedOut());
      }, ms);
      const forgetClient = client?.onGone(() => {
        this.#remove(waiter);
        reject(gone?.());
      });
      const waiter: Waiter = { key, since: performance.now(), resolve, reject, timer, forgetClient };
      const line = this.#lines.get(key);
      if (line === undefined) this.#lines.set(key, new Set([waiter]));
      else line.add(waiter);
      this.#size++;
    });
  }

  /** Removes the request, which the caller must resolve at once. */
  serve(waiter: Waiter): void {
    this.#remove(waiter);
    if (this.#control !== undefined) this.#rate.flushed(this.#size, performance.now());
  }

  rejectAll(error: () => Error): void {
    const all = [...this.#lines.values()].flatMap((line) => [...line]);
    for (const waiter of all) {
      this.#remove(waiter);
      waiter.reject(error());
    }
  }

  /** Returns the first request of the identity that holds the fewest connections. */
  fewest(held: (key: string | undefined) => number, mayTake: (key: string | undefined) => boolean): Waiter | undefined {
    let best: Waiter | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [key, line] of this.#lines) {
      const count = held(key);
      if (count > least || !mayTake(key)) continue;
      const first = firstOf(line);
      if (count < least || first.since < (best as Waiter).since) best = first;
      least = count;
    }
    return best;
  }

  oldest(mayTake: (key: string | undefined) => boolean): Waiter | undefined {
    let oldest: Waiter | undefined;
    for (const [key, line] of this.#lines) {
      const first = firstOf(line);
      if ((oldest === undefined || first.since < oldest.since) && mayTake(key)) oldest = first;
    }
    return oldest;
  }

  #remove(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    waiter.forgetClient?.();
    const line = this.#lines.get(waiter.key);
    if (!line?.delete(waiter)) return;
    this.#size--;
    if (line.size === 0) this.#lines.delete(waiter.key);
  }
}

const firstOf = (line: Set<Waiter>): Waiter => line.values().next().value as Waiter;
