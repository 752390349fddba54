/**
 * read-cache.ts accepts an entry from Redis or Valkey only by the rules for a read of its own (README.md has the
 * proof). Slow or dead, it costs a read at most `timeoutMs`, and soon nothing (breaker.ts).
 */
import { createClient, RESP_TYPES } from '@redis/client';
import pTimeout from 'p-timeout';
import { Breaker } from './breaker.ts';
import { decodeShared, encodeShared, type SharedValue } from './shared-value.ts';

export interface SharedLevelOptions {
  url: string;
  namespace: string;
  ttlSeconds: number;
  timeoutMs: number;
  maxBytes: number;
  onError(error: Error): void;
}

export interface SharedCounts {
  hits: number;
  misses: number;
  /** Entries that were found and could not be proven to be fresh. */
  refused: number;
  stored: number;
  /** Commands not sent: no connection, the breaker is open, too many are pending, or the value is too large. */
  skipped: number;
  failed: number;
}

/** Pending commands; more are not sent. */
const MAX_PENDING = 200;
const MAX_RECONNECT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;

export class SharedLevel {
  readonly #options: SharedLevelOptions;
  readonly #client: ReturnType<typeof connect>;
  readonly #breaker = new Breaker();
  readonly #counts: SharedCounts = { hits: 0, misses: 0, refused: 0, stored: 0, skipped: 0, failed: 0 };
  #pending = 0;
  #isFailing = false;

  constructor(options: SharedLevelOptions) {
    this.#options = options;
    this.#client = connect(options.url);
    this.#client.on('error', (error: Error) => this.#report(error));
    this.#client.on('ready', () => {
      this.#isFailing = false;
    });
    // The client reconnects by itself until `stop`.
    this.#client.connect().catch((error: Error) => this.#report(error));
  }

  /** Never rejects: no entry in time is undefined. */
  async get(epoch: string, key: string): Promise<SharedValue | undefined> {
    const bytes = await this.#ask(() => this.#client.get(this.#name(epoch, key)));
    if (bytes === undefined) return undefined;
    const value = bytes === null ? undefined : decodeShared(bytes as Buffer);
    if (value === undefined) this.#counts.misses += 1;
    return value;
  }

  put(key: string, value: SharedValue): void {
    const bytes = encodeShared(value);
    if (bytes.length > this.#options.maxBytes) {
      this.#counts.skipped += 1;
      return;
    }
    const expiration = { type: 'EX', value: this.#options.ttlSeconds } as const;
    void this.#ask(() => this.#client.set(this.#name(value.epoch, key), bytes, { expiration })).then((answer) => {
      if (answer !== undefined) this.#counts.stored += 1;
    });
  }

  judged(verdict: 'hits' | 'refused'): void {
    this.#counts[verdict] += 1;
  }

  stats(): SharedCounts & { open: boolean; pending: number } {
    return { ...this.#counts, open: this.#breaker.isOpen || !this.#client.isReady, pending: this.#pending };
  }

  stop(): void {
    this.#client.destroy();
  }

  #name(epoch: string, key: string): string {
    return `tidemark:1:${this.#options.namespace}:${epoch}:${key}`;
  }

  async #ask<T>(send: () => Promise<T>): Promise<T | undefined> {
    if (!this.#client.isReady || this.#pending >= MAX_PENDING || !this.#breaker.admits(Date.now())) {
      this.#counts.skipped += 1;
      return undefined;
    }
    this.#pending += 1;
    const sent = send().finally(() => {
      this.#pending -= 1;
    });
    try {
      const answer = await pTimeout(sent, { milliseconds: this.#options.timeoutMs, fallback: () => LATE });
      if (answer !== LATE) {
        this.#breaker.worked();
        return answer as T;
      }
    } catch (error) {
      this.#report(error as Error);
    }
    this.#counts.failed += 1;
    this.#breaker.failed(Date.now());
    return undefined;
  }

  #report(error: Error): void {
    if (!this.#isFailing) this.#options.onError(error);
    this.#isFailing = true;
  }
}

const LATE = Symbol('late');

function connect(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_PENDING,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) => Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(retries, 6)),
    },
  }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}
