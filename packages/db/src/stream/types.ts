/**
 * What streaming is asked for, and gives.
 *
 *   stream   the rows of one SELECT, under an identity, in a read-only transaction on a connection of an `analytics` pool
 *   reader   who takes them: when it pauses, so does Postgres
 */
import type { Readable } from 'node:stream';
import type { Tidemark } from '@tidemark/contracts';
import type { Identity, Param, QueryOptions, Row, Rows, Statement } from '../types.ts';
import type { CopyShape } from './copy-statement.ts';

export interface StreamRequest extends QueryOptions {
  identity: Identity;
  /** A SELECT (also WITH, VALUES or TABLE) without a semicolon. */
  statement: Statement;
  /** Stream from a server that reflects at least this. */
  tidemark?: Tidemark;
  /** Ends the stream with DB_STREAM_ABORTED; its connection is free within a second. */
  signal?: AbortSignal;
  /** `timeoutMs` is for the whole stream, the reader's pauses included; default the pool's `statementTimeoutMs`. */
}

/** Where a stream comes from and what it reflects: as of `ReadResult`. Known before its first byte. */
export interface StreamSource {
  tidemark: Tidemark;
  proven: Tidemark;
  source: 'replica' | 'primary';
  /** The pool, such as `analytics:replica1`. */
  server: string;
}

export interface CopyRequest extends StreamRequest, CopyShape {
  /** Most time, ms, that the reader may leave what came unread: then the stream ends with DB_STREAM_STALLED. 0: no limit. */
  stallMs?: number;
  /**
   * The last line, made of how it ended; undefined: none. With one, an error after the first byte ends the stream by that line
   * instead of an 'error'.
   */
  lastLine?: (rows: number, error: Error | undefined, from: StreamSource) => string | undefined;
}

/** The bytes of an answer. An error after the first of them is an 'error' of the stream, before 'end'. */
export interface CopyBody extends Readable {
  /** So far; without a CSV's header. */
  readonly rows: number;
  /** So far. */
  readonly bytes: number;
}

export interface CopyResult extends StreamSource {
  /** Destroy it, or read it to its end: it holds a connection until then. */
  body: CopyBody;
}

export interface BatchRequest extends StreamRequest {
  /** Rows in a batch; default 1,000. */
  size?: number;
}

export interface Batch<R extends Row = Row> extends StreamSource {
  rows: Rows<R>;
}

export interface PagesRequest extends Omit<StreamRequest, 'signal'> {
  /** Columns of the statement that order its rows and together are unique, never null: what an index has. */
  key: readonly [string, ...string[]];
  /** Rows in a page; default 1,000. */
  size?: number;
  /** The key of the last row that is known already. */
  after?: readonly Param[];
}

export interface Page<R extends Row = Row> extends StreamSource {
  rows: Rows<R>;
  /** The key of the page's last row: `after` of the next page. */
  last: readonly Param[];
}

export interface StreamStats {
  /** Holding a connection now. */
  active: number;
  startedTotal: number;
  completedTotal: number;
  /** By their reader, or as it stalled. */
  abortedTotal: number;
  /** By Postgres or the connection. */
  failedTotal: number;
  bytesTotal: number;
  rowsTotal: number;
  /** Cancel requests that did not reach the server, which then notices the lost connection by itself, within 2 s. */
  cancelErrorsTotal: number;
}

export interface Streams {
  /** Rows as CSV, NDJSON or JSON by COPY; resolves with the first bytes, so that what fails before them rejects. */
  copyOut(request: CopyRequest): Promise<CopyResult>;
  /** Rows by a cursor; the first batch comes also when there are none, empty. Leave it by `break`, or read it to its end: it holds a connection from the first `next()` on. */
  rowsInBatches<R extends Row = Row>(request: BatchRequest): AsyncGenerator<Batch<R>, void, undefined>;
  /** `step` over all rows, of which a batch at a time is held. */
  fold<A, R extends Row = Row>(
    request: BatchRequest,
    initial: A,
    step: (state: A, row: R) => A,
  ): Promise<{ value: A } & StreamSource>;
  /** Each page is a read of its own: no connection is held between them, and each is at least as new as the one before. */
  keysetPages<R extends Row = Row>(request: PagesRequest): AsyncGenerator<Page<R>, void, undefined>;
  stats(): StreamStats;
}
