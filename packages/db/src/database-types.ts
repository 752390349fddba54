/** The interface of an open database, and the options to open one. */
import type { Lsn, PoolStats, ReplicaStats, StatementFigures, Tidemark } from '@tidemark/contracts';
import type { AnswersInFlight } from './connection/answer-budget.ts';
import type { DbEvent } from './events.ts';
import type { PoolOptions } from './pool/options.ts';
import type { Streams } from './stream/types.ts';
import type {
  Identity,
  Pool,
  QueryOptions,
  RecordedStatement,
  Row,
  Rows,
  Statement,
  Transaction,
  TransactionOptions,
} from './types.ts';

export interface ReadRequest extends QueryOptions {
  identity: Identity;
  statement: Statement;
  /** Answer from a server that reflects at least this; throws DB_EPOCH_CHANGED when it is of another epoch. */
  tidemark?: Tidemark;
}

export interface ReadResult<R extends Row = Row> {
  rows: Rows<R>;
  /**
   * The position of the answer, for the client to send back: at least the one asked for. The rows include every
   * transaction that was acknowledged before this position was handed out.
   */
  tidemark: Tidemark;
  /**
   * A position up to which the rows provably include EVERY transaction of the WAL; never overstated, may be below the one
   * asked for (primary, while a writing transaction stays open or a commit is flushed but not visible yet). For what
   * compares positions with the WAL: cache fills, following changes from a read.
   */
  proven: Tidemark;
  source: 'replica' | 'primary';
  /** The pool that answered, such as `read:replica1`. */
  server: string;
}

export interface WriteRequest extends QueryOptions {
  identity: Identity;
  /** Run in order in one transaction: all or nothing. */
  statements: readonly Statement[];
  /** Execute, answer, then roll back (`Prefer: tx=rollback`). */
  rollback?: boolean;
}

export interface WriteResult {
  /** One for each statement. */
  results: Rows[];
  /** The end of this transaction in the WAL, or a little past it. */
  tidemark: Tidemark;
}

export interface WriteTransactionOptions extends TransactionOptions {
  /** End with ROLLBACK although nothing failed, and return the value all the same. */
  rollback?: boolean;
}

export interface TransactionResult<T> {
  value: T;
  /** The end of this transaction in the WAL, or a little past it. */
  tidemark: Tidemark;
}

export interface Database {
  readonly pools: {
    readonly write: Pool;
    readonly analytics: Pool;
    readonly admin: Pool;
    readonly reads: readonly Pool[];
  };
  read<R extends Row = Row>(request: ReadRequest): Promise<ReadResult<R>>;
  write(request: WriteRequest): Promise<WriteResult>;
  /** As `transaction` of the `write` pool, with the position of its COMMIT, which is read in the same round trip. */
  transaction<T>(
    work: (tx: Transaction) => Promise<T>,
    options?: WriteTransactionOptions,
  ): Promise<TransactionResult<T>>;
  /**
   * The pool of a replica that has replayed `tidemark`, for a transaction that must see it; undefined: only the primary surely has. Waits
   * for a replica as `read` does, and throws as it does.
   */
  replicaAt(tidemark: Tidemark): Promise<Pool | undefined>;
  /** Rows that are not held as a whole: exports, reports. On the `analytics` pools, of a replica where one will do. */
  readonly streams: Streams;
  /** The epoch in force; re-read when the relay mints a new one. */
  epoch(): string;
  /** The primary's WAL position, as last polled. */
  primaryLsn(): Lsn;
  /** The URL of the server that is written to: another one of those given, after a promoted replica was followed. */
  primaryUrl(): string;
  poolStats(): PoolStats[];
  replicaStats(): ReplicaStats[];
  /** Reads by where they were answered. */
  readStats(): { replicaTotal: number; primaryTotal: number; cacheTotal: number; waitedTotal: number };
  /** The statements that took most time, at most `most` (default 50), merged over the pools. */
  statements(most?: number): StatementFigures[];
  /** Those over `slowMs`, the newest first, at most 100. */
  slow(): RecordedStatement[];
  /** The last 200, the newest first. */
  recent(): RecordedStatement[];
  /** Stops recording statements, and starts it again: to measure what it costs. Pipeline keep their verdicts meanwhile. */
  recordStatements(on: boolean): void;
  /**
   * Tells that the schema has changed: statements are prepared anew, since Postgres does not infer the types of their parameters again,
   * and `= $1` of a timestamp may find nothing in a column that has become a timestamptz. Rejects if the primary does not answer.
   */
  schemaChanged(): Promise<void>;
  readonly answers: AnswersInFlight;
  /** Undefined when reads and writes can be served, else why not. */
  problem(): string | undefined;
  close(deadlineMs?: number): Promise<void>;
}

export interface DatabaseOptions {
  primaryUrl: string;
  replicaUrls?: readonly string[];
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Start-up settings of the pools' sessions: they hold whatever the database or the role sets, and a transaction may set others. */
  settings?: Readonly<Record<string, string>>;
  /** A replica is let back in under this lag; default 1,000 ms. */
  healthyLagMs?: number;
  /** A replica is ejected over this lag; default 5,000 ms. */
  unhealthyLagMs?: number;
  /** A promoted replica is followed when the primary has not answered for this long; default 2,000 ms. */
  failoverAfterMs?: number;
  /** Most time that a read waits for a replica to reach its tidemark before it goes to the primary; default 100 ms. */
  tidemarkWaitMs?: number;
  /** A statement that executes for longer is slow; default 1,000 ms; 0: none is. */
  slowMs?: number;
  /** Statements that are kept of the latest, and of the slow ones; default 200. */
  statementHistory?: number;
  /** Whether figures of statements are kept from the start; default true. */
  recordStatements?: boolean;
  /** Bytes of one answer; a longer one is refused with DB_ANSWER_BYTES, and its connection replaced. Default 64 MiB. */
  answerMaxBytes?: number;
  /** Bytes of all answers that are being read or sent; beyond it reads are refused with DB_ANSWERS_FULL. Default 256 MiB. */
  answersTotalBytes?: number;
  /**
   * Most time for a statement under an identity, and for all statements of a transaction together, ms by role; `*` is any other role.
   * Default: the pools' `statementTimeoutMs`.
   */
  statementTimeouts?: ReadonlyMap<string, number>;
  pools?: { [K in 'write' | 'read' | 'analytics' | 'admin']?: Partial<PoolOptions> };
  observe?: (event: DbEvent) => void;
}
