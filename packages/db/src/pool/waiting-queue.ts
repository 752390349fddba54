/**
 * Requests that wait for a connection. A free one goes to the identity that holds the fewest, then to the one whose
 * first request is oldest. One connection in eight goes to the oldest request of all that may have it: the n-th
 * request in the order of arrival is served after at most 8 n connections. Half of the places are open to all; beyond
 * that an identity may have its share of them.
 */

import type { PooledConnection } from '../connection/connection.ts';
import type { Client } from '../types.ts';
import { PieController, ServiceRate } from './pie-controller.ts';

const BY_AGE_EVERY = 8;
const SHARE = 0.05;

interface Waiter {
  key: string | undefined;
  since: number;
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

export interface Connections {
  readonly held: (key: string | undefined) => number;
  readonly mayTake: (key: string | undefined) => boolean;
}

export class WaitingQueue {
  readonly limit: number;
  readonly #share: number;
  /** Waiting requests by identity, in the order of arrival; no set is empty. A set removes from the middle at no cost. */
  readonly #lines = new Map<string | undefined, Set<Waiter>>();
  readonly #rate = new ServiceRate();
  readonly #control: PieController | undefined;
  #size = 0;
  #served = 0;

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
    const oldest = this.#oldest(() => true);
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

  /** Removes and returns the request to be served next, if one may have a connection. The caller must resolve it at once. */
  next(
    connections: Connections,
  ): { key: string | undefined; resolve: (connection: PooledConnection) => void } | undefined {
    const byAge = (this.#served + 1) % BY_AGE_EVERY === 0;
    const waiter = byAge ? this.#oldest(connections.mayTake) : this.#fewest(connections);
    if (waiter === undefined) return undefined;
    this.#served++;
    this.#remove(waiter);
    if (this.#control !== undefined) this.#rate.flushed(this.#size, performance.now());
    return waiter;
  }

  rejectAll(error: () => Error): void {
    const all = [...this.#lines.values()].flatMap((line) => [...line]);
    for (const waiter of all) {
      this.#remove(waiter);
      waiter.reject(error());
    }
  }

  #fewest(connections: Connections): Waiter | undefined {
    let best: Waiter | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [key, line] of this.#lines) {
      const held = connections.held(key);
      if (held > least || !connections.mayTake(key)) continue;
      const first = firstOf(line);
      if (held < least || first.since < (best as Waiter).since) best = first;
      least = held;
    }
    return best;
  }

  #oldest(isMeant: (key: string | undefined) => boolean): Waiter | undefined {
    let oldest: Waiter | undefined;
    for (const [key, line] of this.#lines) {
      const first = firstOf(line);
      if ((oldest === undefined || first.since < oldest.since) && isMeant(key)) oldest = first;
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
