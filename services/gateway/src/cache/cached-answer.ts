import type { Tidemark } from '@tidemark/contracts';
import type { Client } from '@tidemark/db';
import type { ResponseSettings } from '@tidemark/plan';
import type { Coding } from '@tidemark/service';
import type { QueryReads } from './query-reads.ts';

/** The part of an answer that does not depend on how fresh it is. */
export interface CachedAnswer {
  /** A short body is text, which Node sends with the headers in one write. */
  readonly body: Buffer | string;
  readonly rows: number;
  readonly total: number | null;
  readonly etag: string;
  coded?: Map<Coding, Buffer>;
  /** A function before the statement has set these for the response. Such an answer is not cached. */
  readonly settings?: ResponseSettings;
}

export interface Filled<A extends CachedAnswer> {
  answer: A;
  tidemark: Tidemark;
  proven: Tidemark;
  source: 'replica' | 'primary' | 'cache';
  /** Versions of the relations in the snapshot of the statement. */
  guard: string | null;
}

export interface CacheRequest<A extends CachedAnswer> {
  /** A key of the request, the settings and the role. The claims are added where the answer depends on them. */
  key: string;
  claims: string;
  reads: QueryReads;
  generation: number;
  asked: Tidemark | undefined;
  client: Client;
  /** Reads the answer. `client` stands for all clients that wait for it. */
  fill(client: Client): Promise<Filled<A>>;
  sharedKey?(): string;
}

export interface CacheAnswer<A extends CachedAnswer> {
  answer: A;
  key?: string;
  tidemark: Tidemark;
  source: 'replica' | 'primary' | 'cache';
  /** The value of Cache-Status (RFC 9211), without the cache's name. */
  status: string;
}

export interface KnownHit {
  readonly key: string;
  readonly etag: string;
  readonly total: number | null;
}

export interface CurrentHit {
  readonly answer: CachedAnswer;
  readonly tidemark: Tidemark;
}
