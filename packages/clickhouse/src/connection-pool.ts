/**
 * A bounded pool of HTTP connections to ClickHouse. The client's own limit has no deadline and no queue limit.
 *
 *   free ──use──► in use ──answered──► free        in use ──failed, worn out or too old──► closed
 */
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { errors } from './errors.ts';

export interface PoolOptions {
  url: string;
  /** Default 4: a server merges what is inserted, and more writers only make more parts. */
  maxConnections?: number;
  /** Longest wait for a connection in ms; default 30,000. */
  acquireTimeoutMs?: number;
  /** Requests that may wait; default 64. */
  maxWaiting?: number;
  /** A connection is replaced after this number of requests, so that a load balancer may move it; default 1,000. */
  maxUses?: number;
  /** A connection is replaced after this time in ms; default 600,000. */
  maxAgeMs?: number;
  /** Longest time for a request in ms; default 120,000. */
  requestTimeoutMs?: number;
}

export interface PoolStats {
  max: number;
  open: number;
  inUse: number;
  waiting: number;
  acquiredTotal: number;
  /** Connections closed after an error, or because they were worn out or too old. */
  recycledTotal: number;
  timeoutsTotal: number;
}

interface Connection {
  client: ClickHouseClient;
  uses: number;
  openedAt: number;
}

interface Waiting {
  resolve(connection: Connection): void;
  reject(error: Error): void;
}

export class ConnectionPool {
  readonly #options: Required<PoolOptions>;
  readonly #free: Connection[] = [];
  readonly #waiting = new Set<Waiting>();
  #inUse = 0;
  #isClosed = false;
  #acquiredTotal = 0;
  #recycledTotal = 0;
  #timeoutsTotal = 0;

  /** @throws CLICKHOUSE_INVALID_URL */
  constructor(options: PoolOptions) {
    if (!URL.canParse(options.url) || !/^https?:/.test(options.url)) {
      throw errors.INVALID_URL({ value: options.url.replace(/\/\/[^@/]*@/, '//***@') });
    }
    this.#options = {
      maxConnections: 4,
      acquireTimeoutMs: 30_000,
      maxWaiting: 64,
      maxUses: 1_000,
      maxAgeMs: 600_000,
      requestTimeoutMs: 120_000,
      ...options,
    };
  }

  /** @throws CLICKHOUSE_POOL_TIMEOUT, CLICKHOUSE_POOL_FULL, CLICKHOUSE_POOL_CLOSED, and the errors of `work` */
  async use<T>(work: (client: ClickHouseClient) => Promise<T>): Promise<T> {
    const connection = await this.#acquire();
    connection.uses += 1;
    try {
      const value = await work(connection.client);
      this.#release(connection, this.#isWorn(connection));
      return value;
    } catch (error) {
      // The answer of a failed request may still be on its way: the next request must not share its connection.
      this.#release(connection, true);
      throw error;
    }
  }

  stats(): PoolStats {
    return {
      max: this.#options.maxConnections,
      open: this.#inUse + this.#free.length,
      inUse: this.#inUse,
      waiting: this.#waiting.size,
      acquiredTotal: this.#acquiredTotal,
      recycledTotal: this.#recycledTotal,
      timeoutsTotal: this.#timeoutsTotal,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const waiting of this.#waiting) waiting.reject(errors.POOL_CLOSED({}));
    this.#waiting.clear();
    await Promise.all(this.#free.splice(0).map(({ client }) => client.close()));
  }

  #acquire(): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(errors.POOL_CLOSED({}));
    if (this.#inUse < this.#options.maxConnections) return Promise.resolve(this.#take());
    const { maxWaiting, acquireTimeoutMs: ms } = this.#options;
    if (this.#waiting.size >= maxWaiting) return Promise.reject(errors.POOL_FULL({ waiting: this.#waiting.size }));
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      const waiting: Waiting = {
        resolve(connection) {
          settle();
          resolve(connection);
        },
        reject(error) {
          settle();
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.#timeoutsTotal += 1;
        waiting.reject(errors.POOL_TIMEOUT({ ms }));
      }, ms);
      this.#waiting.add(waiting);
    });
  }

  #take(): Connection {
    this.#inUse += 1;
    this.#acquiredTotal += 1;
    const free = this.#free.pop();
    if (free && !this.#isWorn(free)) return free;
    if (free) this.#recycle(free);
    return { client: this.#open(), uses: 0, openedAt: Date.now() };
  }

  #open(): ClickHouseClient {
    const { url, requestTimeoutMs } = this.#options;
    return createClient({
      url,
      max_open_connections: 1,
      request_timeout: requestTimeoutMs,
      application: 'tidemark-sink',
      // Failures are thrown, and observed by the caller.
      log: { level: 127 },
    });
  }

  #release(connection: Connection, isSpent: boolean): void {
    this.#inUse -= 1;
    if (isSpent || this.#isClosed) this.#recycle(connection);
    else this.#free.push(connection);
    const [next] = this.#waiting;
    if (next) next.resolve(this.#take());
  }

  #isWorn({ uses, openedAt }: Connection): boolean {
    const { maxUses, maxAgeMs } = this.#options;
    return uses >= maxUses || Date.now() - openedAt >= maxAgeMs;
  }

  #recycle({ client }: Connection): void {
    this.#recycledTotal += 1;
    // To close only ends idle sockets, and a failure of it leaves nothing open.
    void client.close().catch(() => undefined);
  }
}
