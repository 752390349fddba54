/**
 * The requests and results of streams.
 *
 *   stream   the rows of one SELECT, under an identity, in a read-only transaction on a connection of an `analytics` pool
 *   reader   the consumer of a stream: when it pauses, so does Postgres
 */
import type { Readable } from 'node:stream';
import type { Tidemark } from '@tidemark/contracts';
import type { Identity, Param, QueryOptions, Row, Rows, Statement } from '../types.ts';
import type { CopyShape } from './copy-statement.ts';

export interface StreamRequest extends QueryOptions {
  identity: Identity;
  /** A SELECT (also WITH, VALUES or TABLE) without a semicolon. */
  statement: Statement;
  tidemark?: Tidemark;
  /** Ends the stream with DB_STREAM_ABORTED; its connection is free within a second. */
  signal?: AbortSignal;
  /** `timeoutMs` limits the whole stream, with the reader's pauses; default the pool's `statementTimeoutMs`. */
}

/** The server of a stream and the position that it reflects, as in `ReadResult`. Known before its first byte. */
export interface StreamSource {
  tidemark: Tidemark;
  proven: Tidemark;
  source: 'replica' | 'primary';
  server: string;
}

export interface CopyRequest extends StreamRequest, CopyShape {
  /** Longest time in ms without a read: then the stream ends with DB_STREAM_STALLED. 0: no limit. */
  stallMs?: number;
  /**
   * Returns a last line that tells how the stream ended; undefined: none. With a line, an error after the first byte does not become an
   * 'error' event.
   */
  lastLine?: (rows: number, error: Error | undefined, from: StreamSource) => string | undefined;
}

/** The bytes of an answer. An error after the first byte is an 'error' event, before 'end'. */
export interface CopyBody extends Readable {
  /** Rows so far, without a CSV's header. */
  readonly rows: number;
  readonly bytes: number;
}

export interface CopyResult extends StreamSource {
  /** Destroy it or read it to its end: it holds a connection until then. */
  body: CopyBody;
}

export interface BatchRequest extends StreamRequest {
  size?: number;
}

export interface Batch<R extends Row = Row> extends StreamSource {
  rows: Rows<R>;
}

export interface PagesRequest extends Omit<StreamRequest, 'signal'> {
  /** Columns that order the rows of the statement, together unique and never null. They should have an index. */
  key: readonly [string, ...string[]];
  size?: number;
  after?: readonly Param[];
}

export interface Page<R extends Row = Row> extends StreamSource {
  rows: Rows<R>;
  /** The key of the page's last row: `after` of the next page. */
  last: readonly Param[];
}

export interface StreamStats {
  active: number;
  startedTotal: number;
  completedTotal: number;
  /** Ended by their reader, or stalled. */
  abortedTotal: number;
  /** Failed by Postgres or the connection. */
  failedTotal: number;
  bytesTotal: number;
  rowsTotal: number;
  /** Cancel requests that did not reach the server, which then notices the lost connection by itself within 2 s. */
  cancelErrorsTotal: number;
}

export interface Streams {
  /** Streams rows as CSV, NDJSON or JSON by COPY. Resolves with the first bytes: an earlier failure rejects. */
  copyOut(request: CopyRequest): Promise<CopyResult>;
  /**
   * Streams rows by a cursor. The first batch is yielded even when it is empty. Leave the loop by `break` or read it to its end: it holds
   * a connection from the first `next()` on.
   */
  rowsInBatches<R extends Row = Row>(request: BatchRequest): AsyncGenerator<Batch<R>, void, undefined>;
  /** Calls `step` for all rows, holding one batch at a time. */
  fold<A, R extends Row = Row>(
    request: BatchRequest,
    initial: A,
    step: (state: A, row: R) => A,
  ): Promise<{ value: A } & StreamSource>;
  /** Each page is a read of its own: no connection is held between them, and each is at least as new as the one before. */
  keysetPages<R extends Row = Row>(request: PagesRequest): AsyncGenerator<Page<R>, void, undefined>;
  stats(): StreamStats;
}
