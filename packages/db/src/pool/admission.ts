/** Decides which request gets a connection of a pool, and when: holds the idle connections and the waiting requests. */

import type { PooledConnection, Rest } from '../connection/connection.ts';
import { ConnectionShares } from './connection-shares.ts';
import { PoolLimit } from './limit.ts';
import type { PoolOptions } from './options.ts';
import { type Wait, WaitingQueue } from './waiting-queue.ts';

/** The limit never falls below this: two pipelines, and two statements beside them. */
const MIN_LIMIT = 4;

export class Admission {
  readonly idle: PooledConnection[] = [];
  readonly #waiting: WaitingQueue;
  readonly #limit: PoolLimit;
  readonly #shares: ConnectionShares;
  readonly #connections = {
    held: (key: string | undefined) => this.#shares.held(key),
    mayTake: (key: string | undefined) => this.#mayTake(key),
  };

  constructor({ min, max, autosize, waitingLimit, queueTargetMs }: PoolOptions) {
    this.#limit = new PoolLimit(Math.max(min, MIN_LIMIT), max, autosize);
    this.#shares = new ConnectionShares(max);
    this.#waiting = new WaitingQueue(waitingLimit, queueTargetMs);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get limit(): number {
    return this.#limit.limit;
  }

  /** Connections that may be open. The reserve counts only while a request waits that may take it. */
  get mayBeOpen(): number {
    const { allowed } = this.#limit;
    return this.#waiting.some((key) => this.#shares.isBelowShare(key)) ? this.#shares.maxInUse(allowed) : allowed;
  }

  take(rest: Rest, key: string | undefined): PooledConnection | undefined {
    if (!this.#mayTake(key)) return undefined;
    const index = this.idle.findLastIndex((connection) => connection.rest === rest);
    const connection = index === -1 ? this.idle.pop() : this.idle.splice(index, 1)[0];
    if (connection !== undefined) this.#hand(connection, key);
    return connection;
  }

  /** @param isAway no connection is open, so the server is away and not overloaded: requests then wait up to their timeout */
  refuses(key: string | undefined, isAway: boolean): boolean {
    return this.#waiting.isFullFor(key) || (!isAway && this.#waiting.refuses(key));
  }

  wait(wait: Wait): Promise<PooledConnection> {
    const connection = this.#waiting.wait(wait);
    if (!this.#mayTake(wait.key)) this.#limit.held();
    return connection;
  }

  offer(connection: PooledConnection): void {
    this.idle.push(connection);
    this.#serve();
  }

  left(key: string | undefined): void {
    this.#shares.give(key);
    this.#serve();
  }

  ended(heldMs: number): void {
    this.#limit.ended(heldMs);
  }

  forget(connection: PooledConnection): void {
    const index = this.idle.indexOf(connection);
    if (index !== -1) this.idle.splice(index, 1);
  }

  rejectAll(error: () => Error): void {
    this.#waiting.rejectAll(error);
  }

  sweep(now: number, uncounted: number): void {
    if (this.#limit.sweep(now, uncounted)) this.#serve();
  }

  #mayTake(key: string | undefined): boolean {
    return this.#shares.mayTake(key, this.#limit.allowed);
  }

  #hand(connection: PooledConnection, key: string | undefined): void {
    this.#shares.take(key);
    connection.move('acquire');
  }

  #serve(): void {
    while (this.idle.length > 0) {
      const waiter = this.#waiting.next(this.#connections);
      if (waiter === undefined) break;
      const connection = this.idle.pop() as PooledConnection;
      this.#hand(connection, waiter.key);
      waiter.resolve(connection);
    }
    if (this.#waiting.size > 0 && !this.#waiting.some(this.#connections.mayTake)) this.#limit.held();
  }
}
