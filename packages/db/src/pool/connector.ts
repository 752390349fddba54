/** Opens the connections of a pool. After a failure it waits, and tries one connection at a time. */

import { type ConnectionOptions, PooledConnection } from '../connection/connection.ts';
import type { DbEvent } from '../events.ts';
import type { PoolMeter } from './meter.ts';

/** Waits 50, 100, 200 … 2,000 ms after failed connects, each shortened at random by up to a half. */
const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2_000;
/** Connections that were opened together are not replaced together. */
const LIFETIME_JITTER = 0.1;

export interface ConnectorInit {
  connection: ConnectionOptions;
  lifetimeMs: number;
  meter: PoolMeter;
  observe: (event: DbEvent) => void;
  onOpen: (connection: PooledConnection) => void;
  onFailed: (error: Error) => void;
  onRetry: () => void;
}

export class Connector {
  connecting = 0;
  error: Error | undefined;
  readonly #init: ConnectorInit;
  #failures = 0;
  #retryAt = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(init: ConnectorInit) {
    this.#init = init;
  }

  room(lacking: number): number {
    if (this.#stopped || performance.now() < this.#retryAt) return 0;
    return (this.#failures > 0 ? Math.min(1, lacking) : lacking) - this.connecting;
  }

  open(): PooledConnection {
    const { connection: options, observe, lifetimeMs } = this.#init;
    const connection = new PooledConnection(options);
    this.connecting++;
    connection.open().then(
      () => {
        this.connecting--;
        this.#failures = 0;
        this.error = undefined;
        connection.retireAt =
          connection.openedAt + lifetimeMs * (1 - LIFETIME_JITTER + Math.random() * 2 * LIFETIME_JITTER);
        observe({ type: 'db.connected', pool: options.pool, ms: performance.now() - connection.openedAt });
        this.#init.onOpen(connection);
      },
      (error: Error) => {
        this.connecting--;
        if (!this.#stopped) this.#failed(error);
      },
    );
    return connection;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
  }

  #failed(error: Error): void {
    const { meter, observe, connection, onFailed, onRetry } = this.#init;
    meter.connectErrorsTotal++;
    this.error = error;
    const backoffMs = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
    this.#retryAt = performance.now() + backoffMs;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(onRetry, backoffMs + 1);
    this.#retryTimer.unref();
    observe({ type: 'db.connect_failed', pool: connection.pool, error });
    onFailed(error);
  }
}
