/** The answers that are kept, found by their keys and by the tables that they were read from. Bounded in bytes; no I/O, no clock. */
import type { Lsn } from '@tidemark/contracts';
import type { Coding } from '@tidemark/service';
import { LRUCache } from 'lru-cache';
import type { CachedAnswer } from './cached-answer.ts';
import type { QueryReads } from './query-reads.ts';

export interface Entry {
  readonly answer: CachedAnswer;
  readonly epoch: string;
  readonly proven: Lsn;
  readonly reads: QueryReads;
}

/** V8 keeps text in one or two bytes a character: the larger is counted. */
const bytesOf = (body: Buffer | string): number => (typeof body === 'string' ? 2 * body.length : body.length);
/** Of an entry beside its body: keys, sets and the objects themselves. */
const OVERHEAD_BYTES = 600;

function sizeOf({ answer }: Entry, key: string): number {
  let size = bytesOf(answer.body) + 2 * key.length + OVERHEAD_BYTES;
  if (answer.coded) for (const bytes of answer.coded.values()) size += bytes.length;
  return size;
}

export interface EntryLimits {
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
  readonly maxEntries: number;
  /** ms that an entry is kept, whatever happens. */
  readonly ttlMs: number;
}

/** With the time when it was kept. lru-cache's own `ttl` doubled the cost of a hit of the cache (packages/bench, `cached`). */
type Kept = Entry & { readonly keptAt: number };

export class Entries {
  readonly #maxEntryBytes: number;
  readonly #ttlMs: number;
  readonly #entries: LRUCache<string, Kept>;
  readonly #keysOf = new Map<string, Set<string>>();
  /** Of answers that are kept. */
  readonly #keyOf = new WeakMap<CachedAnswer, string>();

  constructor({ maxBytes, maxEntryBytes, maxEntries, ttlMs }: EntryLimits) {
    this.#maxEntryBytes = maxEntryBytes;
    this.#ttlMs = ttlMs;
    this.#entries = new LRUCache<string, Kept>({
      max: maxEntries,
      maxSize: maxBytes,
      maxEntrySize: maxEntryBytes,
      sizeCalculation: sizeOf,
      dispose: ({ reads }, key) => this.#forget(reads, key),
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  has(key: string): boolean {
    return this.peek(key) !== undefined;
  }

  /** It is in use: others go before it. */
  get(key: string): Entry | undefined {
    return this.#young(key, this.#entries.get(key));
  }

  peek(key: string): Entry | undefined {
    return this.#young(key, this.#entries.peek(key));
  }

  #young(key: string, kept: Kept | undefined): Kept | undefined {
    if (kept === undefined || Date.now() - kept.keptAt <= this.#ttlMs) return kept;
    this.#entries.delete(key);
    return undefined;
  }

  /** False where it is larger than an entry may be. */
  set(key: string, entry: Entry): boolean {
    this.#put(key, { ...entry, keptAt: Date.now() });
    this.#keyOf.set(entry.answer, key);
    const kept = this.#entries.has(key);
    // What the store refuses is not disposed of.
    if (!kept) this.#forget(entry.reads, key);
    return kept;
  }

  /** Keeps a compressed form with its answer, counted in its bytes; not where the two would be larger than an entry may be. */
  keepCoded(answer: CachedAnswer, coding: Coding, bytes: Buffer): void {
    const key = this.#keyOf.get(answer);
    const entry = key === undefined ? undefined : this.#entries.peek(key);
    if (key === undefined || entry?.answer !== answer || answer.coded?.has(coding)) return;
    if (sizeOf(entry, key) + bytes.length > this.#maxEntryBytes) return;
    answer.coded ??= new Map();
    answer.coded.set(coding, bytes);
    // As another object: the size of the same one would not be looked at again.
    // It is as old as it was.
    this.#put(key, { ...entry });
  }

  /** Drops what was read from the table before `lsn`. @returns how many that were */
  dropTable(table: string, lsn: Lsn): number {
    let dropped = 0;
    for (const key of [...(this.#keysOf.get(table) ?? [])]) {
      const entry = this.#entries.peek(key);
      if (entry && entry.proven >= lsn) continue;
      this.#entries.delete(key);
      dropped += 1;
    }
    return dropped;
  }

  clear(): void {
    this.#entries.clear();
  }

  /** What was there under the key is disposed of first, so that its tables have to be noted after it. */
  #put(key: string, entry: Kept): void {
    this.#entries.set(key, entry);
    for (const table of entry.reads.tables) {
      const keys = this.#keysOf.get(table) ?? new Set();
      this.#keysOf.set(table, keys.add(key));
    }
  }

  #forget(reads: QueryReads, key: string): void {
    for (const table of reads.tables) {
      const keys = this.#keysOf.get(table);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysOf.delete(table);
    }
  }
}
