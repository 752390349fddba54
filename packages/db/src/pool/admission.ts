/** Who gets a connection of a pool, and when: the connections that are idle, those that are handed out, and the requests that wait for one. */

import type { PooledConnection, Rest } from '../connection/connection.ts';
import { ConnectionShares } from './connection-shares.ts';
import { PoolLimit } from './limit.ts';
import type { PoolOptions } from './options.ts';
import { type Wait, WaitingQueue } from './waiting-queue.ts';

/** In use at least, whatever is measured: two pipelines, and two statements beside them. */
const FLOOR = 4;

export class Admission {
  /** The last one used is used first, so that the others can idle out. */
  readonly idle: PooledConnection[] = [];
  readonly #waiting: WaitingQueue;
  readonly #limit: PoolLimit;
  readonly #shares: ConnectionShares;
  readonly #connections = {
    held: (key: string | undefined) => this.#shares.held(key),
    mayTake: (key: string | undefined) => this.#mayTake(key),
  };

  constructor({ min, max, autosize, waitingLimit, queueTargetMs }: PoolOptions) {
    this.#limit = new PoolLimit(Math.max(min, FLOOR), max, autosize);
    this.#shares = new ConnectionShares(max);
    this.#waiting = new WaitingQueue(waitingLimit, queueTargetMs);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** For the gauge. */
  get limit(): number {
    return this.#limit.limit;
  }

  /** Connections that may be open: the reserve among them only while someone waits who may take it. */
  get mayBeOpen(): number {
    const { allowed } = this.#limit;
    return this.#waiting.some((key) => this.#shares.isBelowShare(key)) ? this.#shares.most(allowed) : allowed;
  }

  /** A connection that is idle, where the identity may have it: those who wait may have none of them. */
  take(rest: Rest, key: string | undefined): PooledConnection | undefined {
    if (!this.#mayTake(key)) return undefined;
    const index = this.idle.findLastIndex((connection) => connection.rest === rest);
    const connection = index === -1 ? this.idle.pop() : this.idle.splice(index, 1)[0];
    if (connection !== undefined) this.#hand(connection, key);
    return connection;
  }

  /** @param isAway without any connection the server is away, and not too slow: then each waits for as long as it may */
  refuses(key: string | undefined, isAway: boolean): boolean {
    return this.#waiting.isFullFor(key) || (!isAway && this.#waiting.refuses(key));
  }

  wait(wait: Wait): Promise<PooledConnection> {
    const connection = this.#waiting.wait(wait);
    if (!this.#mayTake(wait.key)) this.#limit.held();
    return connection;
  }

  /** A connection is free to be used. */
  offer(connection: PooledConnection): void {
    this.idle.push(connection);
    this.#serve();
  }

  /** The connection of the identity is no longer in use, and may be idle, closing or gone. */
  left(key: string | undefined): void {
    this.#shares.give(key);
    this.#serve();
  }

  /** A lease ended in the ordinary way. */
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

  /** @param uncounted leases that the limit leaves out */
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

  /** Hands idle connections to those in line who may have one. To be called whenever one more of them may. */
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
