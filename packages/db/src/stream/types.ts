/** A stream has the rows of one SELECT, in a read-only transaction; when its reader pauses, so does Postgres. */
import type { Readable } from 'node:stream';
import type { Tidemark } from '@tidemark/contracts';
import type { Identity, Param, QueryOptions, Row, Rows, Statement } from '../types.ts';
import type { CopyShape } from './copy-statement.ts';

export interface StreamRequest extends QueryOptions {
  identity: Identity;
  /** A SELECT (also WITH, VALUES or TABLE) without a semicolon. */
  statement: Statement;
  tidemark?: Tidemark;
  /** An identifier of pg_export_snapshot() on the primary, whose rows the stream then has. The stream is of the primary. */
  snapshot?: string;
  /** Ends the stream with DB_STREAM_ABORTED; its connection is free within a second. */
  signal?: AbortSignal;
  /** `timeoutMs` limits the whole stream, with the reader's pauses; default the pool's `statementTimeoutMs`. */
}

export interface StreamSource {
  tidemark: Tidemark;
  proven: Tidemark;
  source: 'replica' | 'primary';
  server: string;
}

export interface CopyRequest extends StreamRequest, CopyShape {
  /** Longest time in ms without a read: then the stream ends with DB_STREAM_STALLED. 0: no limit. */
  stallMs?: number;
  /** Returns a last line that tells how the stream ended; then a late error is no 'error' event. */
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
  last: readonly Param[];
}

export interface StreamStats {
  active: number;
  startedTotal: number;
  completedTotal: number;
  /** Ended by their reader, or stalled. */
  abortedTotal: number;
  failedTotal: number;
  bytesTotal: number;
  rowsTotal: number;
  /** Cancel requests that did not reach the server, which then notices the lost connection by itself within 2 s. */
  cancelErrorsTotal: number;
}

export interface Streams {
  /** Streams rows as CSV, NDJSON or JSON by COPY. Resolves with the first bytes: an earlier failure rejects. */
  copyOut(request: CopyRequest): Promise<CopyResult>;
  /** The first batch may be empty. Read to the end or `break`: the loop holds a connection from its first `next()`. */
  rowsInBatches<R extends Row = Row>(request: BatchRequest): AsyncGenerator<Batch<R>, void, undefined>;
  fold<A, R extends Row = Row>(
    request: BatchRequest,
    initial: A,
    step: (state: A, row: R) => A,
  ): Promise<{ value: A } & StreamSource>;
  /** Each page is a read of its own: no connection is held between them, and each is at least as new as the one before. */
  keysetPages<R extends Row = Row>(request: PagesRequest): AsyncGenerator<Page<R>, void, undefined>;
  stats(): StreamStats;
}
