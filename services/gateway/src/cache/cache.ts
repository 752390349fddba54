import { type Bus, followChanges } from '@tidemark/bus';
import { type Lsn, parseMessageId, parseTidemark, type Tidemark } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import type { Catalog, Relation } from '@tidemark/plan';
import type { Query } from '@tidemark/query';
import { type Coding, every } from '@tidemark/service';
import type { CacheAnswer, CachedAnswer, CacheRequest, CurrentHit, KnownHit } from './cached-answer.ts';
import { InvalidationClock } from './invalidation-clock.ts';
import { type QueryReads, queryReads } from './query-reads.ts';
import { type CacheCounts, ReadCache } from './read-cache.ts';
import { watchSchema } from './schema-watch.ts';
import type { SharedLevel } from './shared/shared-level.ts';

export type CacheEvent =
  | { type: 'cache.paused'; reason: string }
  | { type: 'cache.serving' }
  | { type: 'cache.failed'; error: Error }
  | { type: 'cache.shared_failed'; error: Error };

export interface CacheOptions {
  db: Database;
  bus: Bus;
  maxBytes: number;
  maxEntryBytes: number;
  maxEntries: number;
  ttlMs: number;
  silenceMs: number;
  waitMs: number;
  publication: string;
  role: string;
  shared?: SharedLevel | undefined;
  observe(event: CacheEvent): void;
}

export interface Cache {
  /** Returns what a query reads, with the generation for which that is valid, or the reason why its answer is not cached. */
  readsOf(catalog: Catalog, relation: Relation, query: Query): { reads: QueryReads; generation: number } | string;
  /** Changes whenever results of `readsOf` may no longer be valid. */
  generation(): number;
  hit<A extends CachedAnswer>(request: Omit<CacheRequest<A>, 'fill' | 'client'>): CacheAnswer<A> | undefined;
  current(known: KnownHit, asked: Tidemark | undefined): CurrentHit | undefined;
  served(): void;
  read<A extends CachedAnswer>(request: CacheRequest<A>): Promise<CacheAnswer<A>>;
  keepCoded(answer: CachedAnswer, coding: Coding, bytes: Buffer): void;
  /**
   * Drops the answers that a write of this gateway makes stale, before the relay reports it. Unknown oids are
   * ignored.
   */
  wrote(oids: readonly number[], tidemark: Tidemark): void;
  /** Call it when the catalog was reloaded: entries of the old catalog are not found any more. */
  dropAll(): void;
  /** Undefined while the cache may serve, else the reason why not. */
  paused(): string | undefined;
  /** The position up to which all changes were received; undefined while the cache may not serve. */
  position(): Lsn | undefined;
  stats(): CacheCounts;
  ownReads(): { replica: number; primary: number };
  stop(): Promise<void>;
}

export function createCache(options: CacheOptions): Cache {
  const { db, bus, silenceMs, observe } = options;
  const clock = new InvalidationClock();
  let heardAt = 0;
  let wasPaused: string | undefined = 'starting';
  const onError = (error: Error) => observe({ type: 'cache.failed', error });
  const schema = watchSchema({
    db,
    clock,
    role: options.role,
    publication: options.publication,
    onLost: () => entries.dropAll(),
    onError,
  });
  const entries = new ReadCache({
    clock,
    maxBytes: options.maxBytes,
    maxEntryBytes: options.maxEntryBytes,
    maxEntries: options.maxEntries,
    ttlMs: options.ttlMs,
    waitMs: options.waitMs,
    shared: options.shared,
    paused,
  });

  function paused(): string | undefined {
    if (!clock.isFollowing) return 'no heartbeat of the relay has arrived yet';
    const silentMs = Date.now() - heardAt;
    if (silentMs > silenceMs) return `no heartbeat of the relay for ${silentMs} ms`;
    if (clock.epoch !== db.epoch()) return 'the relay has another epoch than the database';
    if (clock.validTo === undefined)
      return `the schema is being read${schema.waitsFor() ? `: ${schema.waitsFor()}` : ''}`;
    return undefined;
  }

  function look(): void {
    const reason = paused();
    if (reason !== undefined && wasPaused === undefined) {
      entries.dropAll();
      observe({ type: 'cache.paused', reason });
    } else if (reason === undefined && wasPaused !== undefined) observe({ type: 'cache.serving' });
    wasPaused = reason;
  }

  const feed = followChanges(bus, {
    onEnvelope({ epoch, table, lsn }) {
      clock.change(epoch, table, lsn);
      entries.dropTable(table, lsn);
    },
    onHeartbeat({ id, epoch, lsn }) {
      const place = parseMessageId(id);
      if (!place?.heartbeat) throw new Error(`the heartbeat has the id ${id}, which is not an id of the relay`);
      // After a silence, all entries are dropped before any answer is served again.
      look();
      heardAt = Date.now();
      // The last transaction before this heartbeat may be later than `lsn`, with more envelopes to come.
      clock.heartbeat(epoch, lsn, place.envelope?.lsn ?? 0n);
      schema.check();
      look();
    },
    onBreak() {
      clock.lose();
      entries.dropAll();
      look();
    },
  });
  const timer = every('cache', Math.max(100, silenceMs / 4), look, ({ error }) => onError(error));

  return {
    readsOf(catalog, relation, query) {
      const facts = schema.facts();
      if (!facts) return 'the schema is being read';
      const reads = queryReads(catalog, facts, relation, query);
      return typeof reads === 'string' ? reads : { reads, generation: clock.generation };
    },
    generation: () => clock.generation,
    hit: (request) => entries.hit(request),
    current: (known, asked) => entries.current(known, asked),
    served() {
      entries.counts.hits += 1;
    },
    read: (request) => entries.read(request),
    keepCoded: (answer, coding, bytes) => entries.keepCoded(answer, coding, bytes),
    wrote(oids, tidemark) {
      const { epoch, lsn } = parseTidemark(tidemark);
      for (const oid of oids) {
        for (const table of schema.facts()?.readsOf(oid).tables ?? []) {
          if (epoch === clock.epoch) clock.noteChange(table, lsn);
          entries.dropTable(table, lsn);
        }
      }
    },
    dropAll: () => entries.dropAll(),
    paused,
    position: () => (paused() === undefined ? clock.published : undefined),
    stats: () => entries.stats(),
    ownReads: () => schema.counts(),
    async stop() {
      timer.stop();
      await feed.stop();
      await schema.stop();
      entries.dropAll();
    },
  };
}
