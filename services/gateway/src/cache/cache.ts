/** The cache as the routes see it: put together from the stream of changes, the schema and the entries. */

import { type Bus, followChanges } from '@tidemark/bus';
import { parseMessageId, parseTidemark, type Tidemark } from '@tidemark/contracts';
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
  /** Whom the schema's fingerprint is read as. */
  role: string;
  /** The second level, where one is configured. */
  shared?: SharedLevel | undefined;
  observe(event: CacheEvent): void;
}

export interface Cache {
  /** What a query reads, with the generation in which that holds; or why its answer is not kept. */
  readsOf(catalog: Catalog, relation: Relation, query: Query): { reads: QueryReads; generation: number } | string;
  /** Changes whenever what `readsOf` said may not hold any more. */
  generation(): number;
  /** The answer that is there; undefined where it must be read. */
  hit<A extends CachedAnswer>(request: Omit<CacheRequest<A>, 'fill' | 'client'>): CacheAnswer<A> | undefined;
  /** A hit that was answered before, if it is one still. @throws TM_INVALID_TIDEMARK */
  current(known: KnownHit, asked: Tidemark | undefined): CurrentHit | undefined;
  /** It was sent. */
  served(): void;
  /** Reads it and keeps it, or shares what an equal read is reading. */
  read<A extends CachedAnswer>(request: CacheRequest<A>): Promise<CacheAnswer<A>>;
  /** Keeps a compressed form of an answer with it, where the answer itself is kept. */
  keepCoded(answer: CachedAnswer, coding: Coding, bytes: Buffer): void;
  /** A write of this gateway to tables or views, by oid (others are passed over): seen here at once, before the relay tells. */
  wrote(oids: readonly number[], tidemark: Tidemark): void;
  /** The catalog was read anew: plans made by the old one are of no use. */
  dropAll(): void;
  /** Undefined while it may serve, else why not. */
  paused(): string | undefined;
  stats(): CacheCounts;
  /** Its own reads, which are in the database's statistics. */
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
    if (!clock.isFollowing) return 'no heartbeat of the relay has come yet';
    const silentMs = Date.now() - heardAt;
    if (silentMs > silenceMs) return `no heartbeat of the relay for ${silentMs} ms`;
    if (clock.epoch !== db.epoch()) return 'the relay is of another epoch than the database';
    if (clock.validTo === undefined)
      return `the schema is being read${schema.waitsFor() ? `: ${schema.waitsFor()}` : ''}`;
    return undefined;
  }

  /** What was kept before a pause is not trusted after it. */
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
      if (!place?.heartbeat) throw new Error(`the heartbeat has the id ${id}, which is none of the relay`);
      // After a silence, whatever was kept goes before anything is served again.
      look();
      heardAt = Date.now();
      // The last transaction before this heartbeat may be a later one that was only half published.
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
