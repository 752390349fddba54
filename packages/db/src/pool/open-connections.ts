/** The open connections of a pool: at least `min`, and more while requests wait and its admission allows. */
import type { AnswerBudget } from '../connection/answer-budget.ts';
import type { PooledConnection } from '../connection/connection.ts';
import { isPermanentConnectError } from '../connection/postgres-error.ts';
import { RecentTexts } from '../connection/recent-texts.ts';
import type { ConnectionTarget } from '../connection/url.ts';
import type { Admission } from './admission.ts';
import { Connector } from './connector.ts';
import { connectionOptions, type PoolInit } from './init.ts';
import type { PoolMeter } from './meter.ts';

interface Parts {
  admission: Admission;
  meter: PoolMeter;
  answers: AnswerBudget;
}

export class OpenConnections implements Iterable<PooledConnection> {
  #init: PoolInit;
  readonly #admission: Admission;
  readonly #meter: PoolMeter;
  readonly #answers: AnswerBudget;
  readonly #connections = new Set<PooledConnection>();
  readonly #recent = new RecentTexts();
  #connector: Connector;
  #isClosed = false;
  #emptied: (() => void) | undefined;

  constructor(init: PoolInit, { admission, meter, answers }: Parts) {
    this.#init = init;
    this.#admission = admission;
    this.#meter = meter;
    this.#answers = answers;
    this.#connector = this.#newConnector();
  }

  get size(): number {
    return this.#connections.size;
  }

  /** True while there is no connection, except those that are still connecting. */
  get isAway(): boolean {
    return this.#connections.size <= this.#connector.connecting;
  }

  /** The error of the last connect, if none has succeeded since. */
  get error(): Error | undefined {
    return this.#connector.error;
  }

  [Symbol.iterator](): Iterator<PooledConnection> {
    return this.#connections.values();
  }

  grow(): void {
    const { min, max } = this.#init.options;
    const lacking = Math.max(this.#admission.waiting, min - (this.#connections.size - this.#connector.connecting));
    const limit = Math.max(min, Math.min(max, this.#admission.mayBeOpen));
    const room = Math.min(this.#connector.room(lacking), limit - this.#connections.size);
    for (let i = 0; i < room; i++) this.#connections.add(this.#connector.open());
  }

  moveTo(target: ConnectionTarget, lost: Error): void {
    this.#connector.stop();
    this.#init = { ...this.#init, target };
    this.#connector = this.#newConnector();
    for (const connection of [...this.#connections]) connection.discard(lost);
  }

  /** Opens no further connection. */
  startClosing(): void {
    this.#isClosed = true;
    this.#connector.stop();
  }

  /** Resolves when all are closed; those that are still in use after `deadlineMs` are discarded with `error`. */
  async close(deadlineMs: number, error: () => Error): Promise<void> {
    for (const connection of [...this.#connections]) connection.close();
    if (this.#connections.size === 0) return;
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    const timer = setTimeout(() => {
      for (const connection of [...this.#connections]) connection.discard(error());
    }, deadlineMs);
    await emptied;
    clearTimeout(timer);
  }

  #newConnector(): Connector {
    const onGone = this.#onGone.bind(this);
    return new Connector({
      connection: { ...connectionOptions(this.#init), answers: this.#answers, recent: this.#recent, onGone },
      lifetimeMs: this.#init.options.lifetimeMs,
      meter: this.#meter,
      observe: this.#init.observe,
      onOpen: (connection) => {
        if (connection.state === 'idle') this.#admission.offer(connection);
        this.grow();
      },
      onFailed: (error) => {
        if (isPermanentConnectError(error)) this.#admission.rejectAll(() => error);
      },
      onRetry: () => this.grow(),
    });
  }

  #onGone(connection: PooledConnection, pending: number, error: Error | undefined): void {
    this.#connections.delete(connection);
    this.#admission.forget(connection);
    if (this.#isClosed) {
      if (this.#connections.size === 0) this.#emptied?.();
      return;
    }
    // A connection that never opened counts as a failed connect.
    if (error !== undefined && connection.pid !== 0) {
      this.#meter.discardedTotal++;
      this.#init.observe({ type: 'db.connection_lost', pool: this.#init.name, pending, error });
    }
    this.grow();
  }
}
