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

/** V8 stores text in one or two bytes a character; two are counted. */
const bytesOf = (body: Buffer | string): number => (typeof body === 'string' ? 2 * body.length : body.length);
/** Bytes of an entry beside its body: keys, sets and objects. */
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
  readonly ttlMs: number;
}

/** The age is checked here: lru-cache's own `ttl` doubled the cost of a hit (packages/bench, `cached`). */
type Kept = Entry & { readonly keptAt: number };

export class Entries {
  readonly #maxEntryBytes: number;
  readonly #ttlMs: number;
  readonly #entries: LRUCache<string, Kept>;
  readonly #keysOf = new Map<string, Set<string>>();
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

  set(key: string, entry: Entry): boolean {
    this.#put(key, { ...entry, keptAt: Date.now() });
    this.#keyOf.set(entry.answer, key);
    const kept = this.#entries.has(key);
    // lru-cache does not call `dispose` for an entry that it refuses.
    if (!kept) this.#forget(entry.reads, key);
    return kept;
  }

  keepCoded(answer: CachedAnswer, coding: Coding, bytes: Buffer): void {
    const key = this.#keyOf.get(answer);
    const entry = key === undefined ? undefined : this.#entries.peek(key);
    if (key === undefined || entry?.answer !== answer || answer.coded?.has(coding)) return;
    if (sizeOf(entry, key) + bytes.length > this.#maxEntryBytes) return;
    answer.coded ??= new Map();
    answer.coded.set(coding, bytes);
    // lru-cache computes the size of a new object only. The age stays the same.
    this.#put(key, { ...entry });
  }

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

  /** lru-cache first disposes of the old entry, so the new one's tables are noted afterwards. */
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
