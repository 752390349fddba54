/** What goes into the cache and comes out of it. */
import type { Tidemark } from '@tidemark/contracts';
import type { Client } from '@tidemark/db';
import type { Coding } from '@tidemark/service';
import type { QueryReads } from './query-reads.ts';

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
  /** Of the clock, when `reads` was found out. */
  generation: number;
  /** The tidemark that is asked for. */
  asked: Tidemark | undefined;
  /** The client that asks. */
  client: Client;
  /** `client`: all who wait for it. */
  fill(client: Client): Promise<Filled<A>>;
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
