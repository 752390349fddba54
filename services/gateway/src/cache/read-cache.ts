/**
 * Rendered answers, dropped by the write-ahead log. The invariants, each with the test that holds it (test/cache/, and the entries alone in read-cache.test):
 *
 *   1. An answer reflects every transaction up to its tidemark.             never-older.test: "no read is older than its tidemark"
 *   2. A change of a table, by whoever, drops what was read from it.        never-older.test: "no read is older than its tidemark"
 *   3. A fill counts only if it is proven to include the last change of each of its tables, so a lagging replica puts no
 *      stale row back.                                                      never-older.test: "write, then read, over two gateways"
 *   4. Without the relay's heartbeat for `silenceMs` nothing is served.     cache.test: "without the relay, the cache pauses"
 *   5. Where a policy, or who asks, decides what is shown, nothing is shared
 *      between identities; else between those of one role.                  cache.test: "identities never share what a policy shows"
 *   6. What was read under another schema is not served: an entry holds no
 *      further than the schema is known to have been the same.              cache.test: "a change of the schema drops everything"
 *   7. Concurrent equal reads are one statement; its failure is everyone's; nobody
 *      waits longer than `waitMs` for another's.                            cache.test: "equal reads share one statement"
 *   8. Never more than `maxBytes`.                                          cache.test: "the cache is bounded"
 *   9. What comes from the second level counts only by what would let a fill of our own count: 2, 3, 5 and 6 hold for it, whoever
 *      read it (README.md).                                                 shared-level.test: "two gateways share, and are never older"
 *
 * The clock is in tide.ts, the schema in schema-watch.ts.
 */
import { formatTidemark, type Lsn, parseTidemark, type Tidemark } from '@tidemark/contracts';
import { LRUCache } from 'lru-cache';
import type { Coding } from '../compression/accept-encoding.ts';
import { errors } from '../errors.ts';
import type { QueryReads } from './query-reads.ts';
import type { SharedLevel } from './shared/shared-level.ts';
import type { SharedValue } from './shared/shared-value.ts';
import { later, type Tide } from './tide.ts';

/** What is kept: everything of an answer that does not depend on how fresh it is. */
export interface CachedAnswer {
  /** A short one as text: Node then sends it with the headers in one write. */
  readonly body: Buffer | string;
  readonly rows: number;
  readonly total: number | null;
  readonly etag: string;
  /** Compressed forms of the body, as they were asked for. */
  coded?: Map<Coding, Buffer>;
}

export interface Filled<A extends CachedAnswer> {
  answer: A;
  tidemark: Tidemark;
  proven: Tidemark;
  source: 'replica' | 'primary' | 'cache';
  /** What the statement's own snapshot saw of the relations. */
  guard: string | null;
}

export interface CacheRequest<A extends CachedAnswer> {
  /** Of the request, the settings and the role; the identity is added where it matters. */
  key: string;
  claims: string;
  reads: QueryReads;
  /** Of the tide, when `reads` was found out. */
  generation: number;
  /** The tidemark that is asked for. */
  asked: Tidemark | undefined;
  fill(): Promise<Filled<A>>;
  /** Its name in the second level; absent where it is not to be there. */
  sharedKey?(): string;
}

export interface CacheAnswer<A extends CachedAnswer> {
  answer: A;
  /** Of the entry, where it is a hit. */
  key?: string;
  tidemark: Tidemark;
  source: 'replica' | 'primary' | 'cache';
  /** Of RFC 9211, without the cache's name. */
  status: string;
}

/** What names an answer that was served. */
export interface KnownHit {
  readonly key: string;
  readonly etag: string;
  readonly total: number | null;
}

export interface CurrentHit {
  readonly answer: CachedAnswer;
  readonly tidemark: Tidemark;
}

export interface ReadCacheOptions {
  tide: Tide;
  maxBytes: number;
  maxEntryBytes: number;
  waitMs: number;
  /** The second level. */
  shared?: SharedLevel | undefined;
  /** Undefined while the cache may serve, else why not. */
  paused(): string | undefined;
}

export interface CacheCounts {
  entries: number;
  bytes: number;
  hits: number;
  misses: number;
  collapsed: number;
  stored: number;
  refused: number;
  dropped: number;
}

interface Entry {
  readonly answer: CachedAnswer;
  readonly epoch: string;
  readonly proven: Lsn;
  readonly reads: QueryReads;
}

interface Flight {
  readonly tables: ReadonlySet<string>;
  /** Undefined where the answer is nobody else's. */
  readonly shared: Promise<Filled<CachedAnswer> | undefined>;
}

/** Where a policy, or who asks, decides what is shown, the claims are part of it. */
const entryKey = ({ key, claims, reads }: Omit<CacheRequest<CachedAnswer>, 'fill'>): string =>
  reads.personal ? `${key}\0${claims}` : key;
/** V8 keeps text in one or two bytes a character: the larger is counted. */
const bytesOf = (body: Buffer | string): number => (typeof body === 'string' ? 2 * body.length : body.length);
/** Of an entry beside its body: keys, sets and the objects themselves. */
const OVERHEAD_BYTES = 600;

function sizeOf({ answer }: Entry, key: string): number {
  let size = bytesOf(answer.body) + 2 * key.length + OVERHEAD_BYTES;
  if (answer.coded) for (const bytes of answer.coded.values()) size += bytes.length;
  return size;
}

export class ReadCache {
  readonly #options: ReadCacheOptions;
  readonly #entries: LRUCache<string, Entry>;
  readonly #keysOf = new Map<string, Set<string>>();
  /** As many as there are statements under way, which the pools bound. */
  readonly #flights = new Map<string, Flight>();
  /** Of answers that are kept. */
  readonly #keyOf = new WeakMap<CachedAnswer, string>();
  #lastTidemark = { epoch: '', lsn: -1n, text: '' };
  readonly counts = { hits: 0, misses: 0, collapsed: 0, stored: 0, refused: 0, dropped: 0 };

  constructor(options: ReadCacheOptions) {
    this.#options = options;
    this.#entries = new LRUCache({
      maxSize: options.maxBytes,
      maxEntrySize: options.maxEntryBytes,
      sizeCalculation: sizeOf,
      dispose: (entry, key) => this.#forget(entry, key),
    });
  }

  /** The answer that is there; undefined where it must be read. */
  hit<A extends CachedAnswer>(request: Omit<CacheRequest<A>, 'fill'>): CacheAnswer<A> | undefined {
    return this.#hit<A>(entryKey(request), request.asked);
  }

  /** Of a hit that was answered before: the same answer, where it is there and may be served; not counted yet. */
  current({ key, etag, total }: KnownHit, asked: Tidemark | undefined): CurrentHit | undefined {
    const found = this.#find(key, asked);
    // Of the ETag the body is certain, and with it the number of rows.
    if (!found || found.entry.answer.etag !== etag || found.entry.answer.total !== total) return undefined;
    return { answer: found.entry.answer, tidemark: this.#tidemark(found.entry.epoch, found.lsn) };
  }

  /** Reads it, or shares what an equal read is reading. @throws what `fill` throws, GATEWAY_CACHE_WAIT, TM_INVALID_TIDEMARK */
  async read<A extends CachedAnswer>(request: CacheRequest<A>): Promise<CacheAnswer<A>> {
    const { asked } = request;
    // It becomes part of a key: only what is a tidemark may.
    if (asked !== undefined) parseTidemark(asked);
    const key = entryKey(request);
    const status = this.#entries.has(key) ? 'fwd=stale' : 'fwd=uri-miss';

    const flightKey = asked === undefined ? key : `${key}\0${asked}`;
    const flight = this.#flights.get(flightKey);
    if (flight) {
      const shared = (await this.#within(flight.shared)) as Filled<A> | undefined;
      if (shared) {
        this.counts.collapsed += 1;
        return { ...shared, status: `${status}; collapsed` };
      }
    }
    this.counts.misses += 1;
    const filled = await this.#fly(flightKey, request);
    const stored = this.#keep(key, request, filled);
    if (filled.source === 'cache') return { ...filled, status: 'hit; detail=shared' };
    if (stored.kept) this.#offer(request, filled);
    return { ...filled, status: stored.kept ? `${status}; stored` : status };
  }

  /** Keeps a compressed form with its answer, counted in its bytes; not where the two would be larger than an entry may be. */
  keepCoded(answer: CachedAnswer, coding: Coding, bytes: Buffer): void {
    const key = this.#keyOf.get(answer);
    const entry = key === undefined ? undefined : this.#entries.peek(key);
    if (key === undefined || entry?.answer !== answer || answer.coded?.has(coding)) return;
    if (sizeOf(entry, key) + bytes.length > this.#options.maxEntryBytes) return;
    answer.coded ??= new Map();
    answer.coded.set(coding, bytes);
    // As another object: the size of the same one would not be looked at again.
    this.#entries.set(key, { ...entry });
    for (const table of entry.reads.tables) this.#keys(table).add(key);
  }

  /** Drops what was read from the table before `lsn`; what is under way from it is shared no more. */
  dropTable(table: string, lsn: Lsn): void {
    for (const [key, flight] of this.#flights) if (flight.tables.has(table)) this.#flights.delete(key);
    for (const key of [...(this.#keysOf.get(table) ?? [])]) {
      const entry = this.#entries.peek(key);
      if (entry && entry.proven >= lsn) continue;
      this.#entries.delete(key);
      this.counts.dropped += 1;
    }
  }

  dropAll(): void {
    this.counts.dropped += this.#entries.size;
    this.#entries.clear();
    this.#flights.clear();
  }

  stats(): CacheCounts {
    return { ...this.counts, entries: this.#entries.size, bytes: this.#entries.calculatedSize };
  }

  #hit<A extends CachedAnswer>(key: string, asked: Tidemark | undefined): CacheAnswer<A> | undefined {
    const found = this.#find(key, asked);
    if (!found) return undefined;
    this.counts.hits += 1;
    const { entry, lsn } = found;
    const tidemark = this.#tidemark(entry.epoch, lsn);
    return { answer: entry.answer as A, key, tidemark, source: 'cache', status: 'hit' };
  }

  /** The entry that may be served, and how far it holds. */
  #find(key: string, asked: Tidemark | undefined): { entry: Entry; lsn: Lsn } | undefined {
    const { tide, paused } = this.#options;
    const validTo = tide.validTo;
    if (validTo === undefined || paused() !== undefined) return undefined;
    const entry = this.#entries.get(key);
    if (!entry || entry.epoch !== tide.epoch) return undefined;
    const lsn = later(entry.proven, validTo);
    if (asked !== undefined) {
      const want = parseTidemark(asked);
      if (want.epoch !== entry.epoch || want.lsn > lsn) return undefined;
    }
    return { entry, lsn };
  }

  /** Most hits between two heartbeats have the same. */
  #tidemark(epoch: string, lsn: Lsn): Tidemark {
    const last = this.#lastTidemark;
    if (last.lsn === lsn && last.epoch === epoch) return last.text;
    const text = formatTidemark(epoch, lsn);
    this.#lastTidemark = { epoch, lsn, text };
    return text;
  }

  #fly<A extends CachedAnswer>(flightKey: string, request: CacheRequest<A>): Promise<Filled<A>> {
    const { reads } = request;
    const filled = this.#fill(request);
    // Under another schema than the facts', it may be this identity's alone.
    const shared = filled.then((result) => (result.guard === reads.stamps ? result : undefined));
    const flight: Flight = { tables: reads.tables, shared };
    this.#flights.set(flightKey, flight);
    const end = () => {
      if (this.#flights.get(flightKey) === flight) this.#flights.delete(flightKey);
    };
    shared.then(end, end);
    return filled;
  }

  #fill<A extends CachedAnswer>(request: CacheRequest<A>): Promise<Filled<A>> {
    const { shared, tide } = this.#options;
    const key = shared && tide.epoch !== undefined ? request.sharedKey?.() : undefined;
    if (!shared || key === undefined) return request.fill();
    return shared.get(tide.epoch as string, key).then((found) => {
      const adopted = found && this.#adopt<A>(request, found);
      if (found) shared.judged(adopted ? 'hits' : 'refused');
      return adopted ?? request.fill();
    });
  }

  /** What another gateway read, where it would count had we read it; and how far it holds by what we know. */
  #adopt<A extends CachedAnswer>(request: CacheRequest<A>, found: SharedValue): Filled<A> | undefined {
    const { tide, paused } = this.#options;
    const { reads, asked, generation } = request;
    const { validTo } = tide;
    if (validTo === undefined || paused() !== undefined || generation !== tide.generation) return undefined;
    const { epoch, lsn: proven, stamps, answer } = found;
    if (stamps !== reads.stamps || !tide.admits(epoch, proven, reads.tables)) return undefined;
    const lsn = later(proven, validTo);
    if (asked !== undefined) {
      const want = parseTidemark(asked);
      if (want.epoch !== epoch || want.lsn > lsn) return undefined;
    }
    const tidemark = formatTidemark(epoch, lsn);
    return { answer: answer as A, tidemark, proven: formatTidemark(epoch, proven), source: 'cache', guard: stamps };
  }

  /** Of what we keep, with the position up to which we know it to hold. */
  #offer(request: CacheRequest<CachedAnswer>, { answer, proven, guard }: Filled<CachedAnswer>): void {
    const { shared, tide } = this.#options;
    const key = shared && request.sharedKey?.();
    if (!shared || key === undefined || guard === null || tide.validTo === undefined) return;
    const { epoch, lsn } = parseTidemark(proven);
    shared.put(key, { answer, epoch, lsn: later(lsn, tide.validTo), stamps: guard });
  }

  #keep(key: string, request: CacheRequest<CachedAnswer>, filled: Filled<CachedAnswer>): { kept: boolean } {
    const { tide } = this.#options;
    const { reads } = request;
    const { epoch, lsn } = parseTidemark(filled.proven);
    const before = this.#entries.peek(key);
    const newer = before === undefined || before.epoch !== epoch || before.proven < lsn;
    const isOfFacts = request.generation === tide.generation && filled.guard === reads.stamps;
    const counts = isOfFacts && newer && tide.admits(epoch, lsn, reads.tables);
    if (counts) {
      this.#entries.set(key, { answer: filled.answer, epoch, proven: lsn, reads });
      this.#keyOf.set(filled.answer, key);
      for (const table of reads.tables) this.#keys(table).add(key);
    }
    const kept = counts && this.#entries.has(key);
    // Larger than an entry may be: what `set` refuses is not disposed of.
    if (counts && !kept) this.#forgetKey(reads, key);
    if (kept) this.counts.stored += 1;
    else this.counts.refused += 1;
    return { kept };
  }

  #keys(table: string): Set<string> {
    const found = this.#keysOf.get(table) ?? new Set();
    this.#keysOf.set(table, found);
    return found;
  }

  #forget(entry: Entry, key: string): void {
    this.#forgetKey(entry.reads, key);
  }

  #forgetKey(reads: QueryReads, key: string): void {
    for (const table of reads.tables) {
      const keys = this.#keysOf.get(table);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysOf.delete(table);
    }
  }

  async #within<T>(shared: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const { waitMs } = this.#options;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(errors.CACHE_WAIT({ ms: waitMs })), waitMs);
    });
    try {
      return await Promise.race([shared, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
