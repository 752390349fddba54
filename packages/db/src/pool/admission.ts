/** Decides which request gets a connection of a pool, and when: holds the idle connections and the waiting requests. */

import type { PooledConnection, Rest } from '../connection/connection.ts';
import type { LeaseClass } from '../statements/run-times.ts';
import { ConnectionShares } from './connection-shares.ts';
import { PoolLimit } from './limit.ts';
import type { PoolOptions } from './options.ts';
import { WaitingLines } from './waiting-lines.ts';
import type { Wait } from './waiting-queue.ts';

/** The limit never falls below this: two pipelines, and two statements beside them. */
const MIN_LIMIT = 4;
/** The part of the connections that long leases leave alone. Smaller pools have none to spare. */
const SHORT_PART = 0.2;
const SHORT_PART_FROM = 4;

export class Admission {
  readonly idle: PooledConnection[] = [];
  readonly #waiting: WaitingLines;
  readonly #max: number;
  readonly #limit: PoolLimit;
  readonly #shares: ConnectionShares;
  readonly #connections = {
    held: (key: string | undefined) => this.#shares.held(key),
    mayTake: (key: string | undefined, leaseClass: LeaseClass) => this.#mayTake(key, leaseClass),
  };
  #longInUse = 0;

  constructor({ min, max, autosize, waitingLimit, queueTargetMs }: PoolOptions) {
    this.#limit = new PoolLimit(Math.max(min, MIN_LIMIT), max, autosize);
    this.#shares = new ConnectionShares(max);
    this.#waiting = new WaitingLines(waitingLimit, queueTargetMs);
    this.#max = max;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get limit(): number {
    return this.#limit.limit;
  }

  /** Leases of long statements: in use, waiting, and how many there may be. */
  get long(): { inUse: number; limit: number; waiting: number } {
    return { inUse: this.#longInUse, limit: this.#longLimit, waiting: this.#waiting.waiting('long') };
  }

  /** Connections that may be open. The reserve counts only while a request waits that may take it. */
  get mayBeOpen(): number {
    const { allowed } = this.#limit;
    return this.#waiting.some((key) => this.#shares.isBelowShare(key)) ? this.#shares.maxInUse(allowed) : allowed;
  }

  take(rest: Rest, key: string | undefined, leaseClass: LeaseClass = 'short'): PooledConnection | undefined {
    if (!this.#mayTake(key, leaseClass)) return undefined;
    const index = this.idle.findLastIndex((connection) => connection.rest === rest);
    const connection = index === -1 ? this.idle.pop() : this.idle.splice(index, 1)[0];
    if (connection !== undefined) this.#hand(connection, key, leaseClass);
    return connection;
  }

  /** @param isAway no connection is open, so the server is away and not overloaded: requests then wait up to their timeout */
  refuses(key: string | undefined, isAway: boolean, leaseClass: LeaseClass = 'short'): boolean {
    return this.#waiting.refuses(key, leaseClass, isAway);
  }

  wait(wait: Wait, leaseClass: LeaseClass = 'short'): Promise<PooledConnection> {
    const connection = this.#waiting.wait(wait, leaseClass);
    if (!this.#mayTake(wait.key, leaseClass)) this.#limit.held();
    return connection;
  }

  offer(connection: PooledConnection): void {
    this.idle.push(connection);
    this.#serve();
  }

  left(key: string | undefined, leaseClass: LeaseClass = 'short'): void {
    this.#shares.give(key);
    if (leaseClass === 'long') this.#longInUse--;
    this.#serve();
  }

  /** A short lease is held for so long that it is long from now on. */
  becameLong(): void {
    this.#longInUse++;
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

  get #longLimit(): number {
    const { allowed } = this.#limit;
    return this.#max < SHORT_PART_FROM ? allowed : allowed - Math.max(1, Math.floor(allowed * SHORT_PART));
  }

  #mayTake(key: string | undefined, leaseClass: LeaseClass): boolean {
    if (leaseClass === 'long' && this.#longInUse >= this.#longLimit) return false;
    return this.#shares.mayTake(key, this.#limit.allowed);
  }

  #hand(connection: PooledConnection, key: string | undefined, leaseClass: LeaseClass): void {
    this.#shares.take(key);
    if (leaseClass === 'long') this.#longInUse++;
    connection.move('acquire');
  }

  #serve(): void {
    while (this.idle.length > 0) {
      const next = this.#waiting.next(this.#connections);
      if (next === undefined) break;
      const { waiter, leaseClass } = next;
      const connection = this.idle.pop() as PooledConnection;
      this.#hand(connection, waiter.key, leaseClass);
      waiter.resolve(connection);
    }
    if (this.#waiting.size > 0 && !this.#waiting.some(this.#connections.mayTake)) this.#limit.held();
  }
}
