/**
 * Caches rendered answers, and drops them by the write-ahead log. The invariants, each with its test in test/cache/:
 *
 *   1. An answer reflects every transaction up to its tidemark.             never-older.test: "no read is older than its tidemark"
 *   2. A change of a table by any client drops answers that read it.        never-older.test: "no read is older than its tidemark"
 *   3. An answer is kept only if it is proven to include the last change of each of its tables, so that a lagging replica
 *      puts no stale row back.                                              never-older.test: "a read after a write sees it, over two gateways"
 *   4. Without the relay's heartbeat for `silenceMs` no answer is served.   cache.test: "without the relay, the cache pauses"
 *   5. Answers that depend on a policy or the caller are not shared between
 *      identities; others are shared by all identities of one role.         cache.test: "identities never share what a policy shows"
 *   6. Answers read under another schema are not served: an entry is valid
 *      only as far as the schema is known to have been the same.            cache.test: "a change of the schema drops everything"
 *   7. Concurrent equal reads are one statement, whose failure fails all of them;
 *      none waits longer than `waitMs` for another.                         cache.test: "equal reads share one statement"
 *   8. The answers have at most `maxBytes`.                                 cache.test: "the cache is bounded"
 *   9. An entry of the second level is used only by the rules for a read of this gateway: 2, 3, 5 and 6 hold for it, whichever
 *      gateway read it (README.md).                                         shared-level.test: "two gateways share entries, and never answer with older rows"
 *
 * This file decides which answers are served and kept. entries.ts holds the answers (8), single-flight.ts the running reads (7),
 * invalidation-clock.ts the positions, schema-watch.ts the schema.
 */
import { formatTidemark, type Lsn, parseTidemark, type Tidemark } from '@tidemark/contracts';
import type { Coding } from '@tidemark/service';
import { Audience } from './audience.ts';
import type { CacheAnswer, CachedAnswer, CacheRequest, CurrentHit, Filled, KnownHit } from './cached-answer.ts';
import { Entries, type Entry } from './entries.ts';
import { type InvalidationClock, later } from './invalidation-clock.ts';
import type { SharedLevel } from './shared/shared-level.ts';
import type { SharedValue } from './shared/shared-value.ts';
import { SingleFlight } from './single-flight.ts';

export interface ReadCacheOptions {
  clock: InvalidationClock;
  maxBytes: number;
  maxEntryBytes: number;
  maxEntries: number;
  ttlMs: number;
  waitMs: number;
  shared?: SharedLevel | undefined;
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

/** The claims are part of the key where the answer depends on a policy or the caller. */
const entryKey = ({ key, claims, reads }: Omit<CacheRequest<CachedAnswer>, 'fill' | 'client'>): string =>
  reads.personal ? `${key}\0${claims}` : key;

function reaches(asked: Tidemark | undefined, epoch: string, lsn: Lsn): boolean {
  if (asked === undefined) return true;
  const want = parseTidemark(asked);
  return want.epoch === epoch && want.lsn <= lsn;
}

export class ReadCache {
  readonly #options: ReadCacheOptions;
  readonly #entries: Entries;
  readonly #inFlight: SingleFlight;
  #lastTidemark = { epoch: '', lsn: -1n, text: '' };
  readonly counts = { hits: 0, misses: 0, collapsed: 0, stored: 0, refused: 0, dropped: 0 };

  constructor(options: ReadCacheOptions) {
    this.#options = options;
    this.#entries = new Entries(options);
    this.#inFlight = new SingleFlight(options.waitMs);
  }

  hit<A extends CachedAnswer>(request: Omit<CacheRequest<A>, 'fill' | 'client'>): CacheAnswer<A> | undefined {
    const key = entryKey(request);
    const found = this.#find(key, request.asked);
    if (!found) return undefined;
    this.counts.hits += 1;
    const { entry, lsn } = found;
    const tidemark = this.#tidemark(entry.epoch, lsn);
    return { answer: entry.answer as A, key, tidemark, source: 'cache', status: 'hit' };
  }

  /** `counts` does not include the hit yet. */
  current({ key, etag, total }: KnownHit, asked: Tidemark | undefined): CurrentHit | undefined {
    const found = this.#find(key, asked);
    // The ETag determines the body, and so the number of rows.
    if (!found || found.entry.answer.etag !== etag || found.entry.answer.total !== total) return undefined;
    return { answer: found.entry.answer, tidemark: this.#tidemark(found.entry.epoch, found.lsn) };
  }

  async read<A extends CachedAnswer>(request: CacheRequest<A>): Promise<CacheAnswer<A>> {
    const { asked } = request;
    // It becomes part of a key, so it must be a tidemark.
    if (asked !== undefined) parseTidemark(asked);
    const key = entryKey(request);
    const status = this.#entries.has(key) ? 'fwd=stale' : 'fwd=uri-miss';

    const flightKey = asked === undefined ? key : `${key}\0${asked}`;
    const inFlight = this.#inFlight.join<A>(flightKey, request.client);
    // No await where no read is running: no other read may start in between.
    const shared = inFlight && (await inFlight);
    if (shared) {
      this.counts.collapsed += 1;
      return { ...shared, status: `${status}; collapsed` };
    }
    this.counts.misses += 1;
    const filled = await this.#start(flightKey, request);
    const kept = this.#keep(key, request, filled);
    if (filled.source === 'cache') return { ...filled, status: 'hit; detail=shared' };
    if (kept) this.#offer(request, filled);
    return { ...filled, status: kept ? `${status}; stored` : status };
  }

  keepCoded(answer: CachedAnswer, coding: Coding, bytes: Buffer): void {
    this.#entries.keepCoded(answer, coding, bytes);
  }

  /** Running reads of the table are no longer shared. */
  dropTable(table: string, lsn: Lsn): void {
    this.#inFlight.dropTable(table);
    this.counts.dropped += this.#entries.dropTable(table, lsn);
  }

  dropAll(): void {
    this.counts.dropped += this.#entries.size;
    this.#entries.clear();
    this.#inFlight.clear();
  }

  stats(): CacheCounts {
    return { ...this.counts, entries: this.#entries.size, bytes: this.#entries.bytes };
  }

  #find(key: string, asked: Tidemark | undefined): { entry: Entry; lsn: Lsn } | undefined {
    const { clock, paused } = this.#options;
    const validTo = clock.validTo;
    if (validTo === undefined || paused() !== undefined) return undefined;
    const entry = this.#entries.get(key);
    if (!entry || entry.epoch !== clock.epoch) return undefined;
    const lsn = later(entry.proven, validTo);
    return reaches(asked, entry.epoch, lsn) ? { entry, lsn } : undefined;
  }

  /** Most hits between two heartbeats have the same text. */
  #tidemark(epoch: string, lsn: Lsn): Tidemark {
    const last = this.#lastTidemark;
    if (last.lsn === lsn && last.epoch === epoch) return last.text;
    const text = formatTidemark(epoch, lsn);
    this.#lastTidemark = { epoch, lsn, text };
    return text;
  }

  #start<A extends CachedAnswer>(flightKey: string, request: CacheRequest<A>): Promise<Filled<A>> {
    const { tables, stamps } = request.reads;
    const audience = new Audience();
    audience.add(request.client);
    const filled = this.#fill(request, audience);
    // An answer read under another schema than that of the facts may depend on the identity.
    this.#inFlight.start(flightKey, tables, filled, ({ guard }) => guard === stamps, audience);
    return filled;
  }

  #fill<A extends CachedAnswer>(request: CacheRequest<A>, audience: Audience): Promise<Filled<A>> {
    const { shared, clock } = this.#options;
    const key = shared && clock.epoch !== undefined ? request.sharedKey?.() : undefined;
    if (!shared || key === undefined) return request.fill(audience);
    return shared.get(clock.epoch as string, key).then((found) => {
      const adopted = found && this.#adopt<A>(request, found);
      if (found) shared.judged(adopted ? 'hits' : 'refused');
      return adopted ?? request.fill(audience);
    });
  }

  /** An entry of another gateway is used if it would be kept as a read of this one. */
  #adopt<A extends CachedAnswer>(request: CacheRequest<A>, found: SharedValue): Filled<A> | undefined {
    const { clock, paused } = this.#options;
    const { reads, asked, generation } = request;
    const { validTo } = clock;
    if (validTo === undefined || paused() !== undefined || generation !== clock.generation) return undefined;
    const { epoch, lsn: proven, stamps, answer } = found;
    if (stamps !== reads.stamps || !clock.admits(epoch, proven, reads.tables)) return undefined;
    const lsn = later(proven, validTo);
    if (!reaches(asked, epoch, lsn)) return undefined;
    const tidemark = formatTidemark(epoch, lsn);
    return { answer: answer as A, tidemark, proven: formatTidemark(epoch, proven), source: 'cache', guard: stamps };
  }

  #offer(request: CacheRequest<CachedAnswer>, { answer, proven, guard }: Filled<CachedAnswer>): void {
    const { shared, clock } = this.#options;
    const key = shared && request.sharedKey?.();
    if (!shared || key === undefined || guard === null || clock.validTo === undefined) return;
    const { epoch, lsn } = parseTidemark(proven);
    shared.put(key, { answer, epoch, lsn: later(lsn, clock.validTo), stamps: guard });
  }

  #keep(key: string, request: CacheRequest<CachedAnswer>, filled: Filled<CachedAnswer>): boolean {
    const { clock } = this.#options;
    const { reads } = request;
    const { epoch, lsn } = parseTidemark(filled.proven);
    const before = this.#entries.peek(key);
    const newer = before === undefined || before.epoch !== epoch || before.proven < lsn;
    const isOfFacts = request.generation === clock.generation && filled.guard === reads.stamps;
    const mayKeep = isOfFacts && newer && clock.admits(epoch, lsn, reads.tables);
    const kept = mayKeep && this.#entries.set(key, { answer: filled.answer, epoch, proven: lsn, reads });
    if (kept) this.counts.stored += 1;
    else this.counts.refused += 1;
    return kept;
  }
}
