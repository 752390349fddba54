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
  /** The answer must reflect at least this position. Throws DB_EPOCH_CHANGED when it is of another epoch. */
  tidemark?: Tidemark;
}

export interface ReadResult<R extends Row = Row> {
  rows: Rows<R>;
  /**
   * The position of the answer, for the client to send back: at least the one asked for. The rows include every transaction that was
   * acknowledged before this position was handed out.
   */
  tidemark: Tidemark;
  /**
   * A position up to which the rows provably include every transaction of the WAL. It may be below the one asked for, while a writing
   * transaction stays open on the primary or a commit is flushed and not yet visible. Cache fills and change followers must compare this
   * one with the WAL.
   */
  proven: Tidemark;
  source: 'replica' | 'primary';
  /** The pool that answered, such as `read:replica1`. */
  server: string;
}

export interface WriteRequest extends QueryOptions {
  identity: Identity;
  statements: readonly Statement[];
  /** Execute, answer, then roll back (`Prefer: tx=rollback`). */
  rollback?: boolean;
}

export interface WriteResult {
  results: Rows[];
  tidemark: Tidemark;
}

export interface WriteTransactionOptions extends TransactionOptions {
  /** End with ROLLBACK and return the value all the same. */
  rollback?: boolean;
}

export interface TransactionResult<T> {
  value: T;
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
  /** Like `transaction` of the `write` pool, with the position of its COMMIT, which is read in the same round trip. */
  transaction<T>(
    work: (tx: Transaction) => Promise<T>,
    options?: WriteTransactionOptions,
  ): Promise<TransactionResult<T>>;
  /**
   * The pool of a replica that has replayed `tidemark`, for a transaction that must see it; undefined when only the primary is known to
   * have it. Waits for a replica and throws as `read` does.
   */
  replicaAt(tidemark: Tidemark): Promise<Pool | undefined>;
  /** Streams rows for exports and reports from the `analytics` pools, of a replica where possible. */
  readonly streams: Streams;
  epoch(): string;
  /** The primary's WAL position, as last polled. */
  primaryLsn(): Lsn;
  /** The URL of the server that takes writes. It changes when a promoted replica is followed. */
  primaryUrl(): string;
  poolStats(): PoolStats[];
  replicaStats(): ReplicaStats[];
  /** Counts of reads by the server that answered. */
  readStats(): { replicaTotal: number; primaryTotal: number; cacheTotal: number; waitedTotal: number };
  /** The statements that took most time, merged over the pools; at most `max`, default 50. */
  statements(max?: number): StatementFigures[];
  slow(): RecordedStatement[];
  recent(): RecordedStatement[];
  /** Switches the recording of statements off and on, to measure its cost. Pipelining verdicts stay as they are. */
  recordStatements(on: boolean): void;
  /**
   * Reports that the schema has changed: statements are prepared anew, since Postgres does not infer the types of their parameters again,
   * and `= $1` of a timestamp may find nothing in a column that has become a timestamptz. Rejects if the primary does not answer.
   */
  schemaChanged(): Promise<void>;
  readonly answers: AnswersInFlight;
  /** The reason why reads and writes cannot be served; undefined when they can. */
  problem(): string | undefined;
  close(deadlineMs?: number): Promise<void>;
}

export interface DatabaseOptions {
  primaryUrl: string;
  replicaUrls?: readonly string[];
  applicationName: string;
  /** Start-up settings of the pools' sessions. They override what the database or the role sets; a transaction may set others. */
  settings?: Readonly<Record<string, string>>;
  /** A replica is used again under this lag; default 1,000 ms. */
  healthyLagMs?: number;
  /** A replica is ejected over this lag; default 5,000 ms. */
  unhealthyLagMs?: number;
  /** A promoted replica is followed when the primary has not answered for this time; default 2,000 ms. */
  failoverAfterMs?: number;
  /** Longest time that a read waits for a replica to reach its tidemark before it goes to the primary; default 100 ms. */
  tidemarkWaitMs?: number;
  /** A statement that executes for longer counts as slow; default 1,000 ms; 0 switches it off. */
  slowMs?: number;
  /** Length of the lists of latest and slow statements; default 200. */
  statementHistory?: number;
  /** Record statistics of statements from the start; default true. */
  recordStatements?: boolean;
  /** Bytes of one answer; a longer one is refused with DB_ANSWER_BYTES, and its connection is replaced. Default 64 MiB. */
  answerMaxBytes?: number;
  /** Bytes of all answers that are being read or sent; beyond it reads are refused with DB_ANSWERS_FULL. Default 256 MiB. */
  answersTotalBytes?: number;
  /**
   * Time limit in ms by role for a statement under an identity, and for all statements of a transaction together; `*` is any other role.
   * Default: the pools' `statementTimeoutMs`.
   */
  statementTimeouts?: ReadonlyMap<string, number>;
  pools?: { [K in 'write' | 'read' | 'analytics' | 'admin']?: Partial<PoolOptions> };
  observe?: (event: DbEvent) => void;
}
