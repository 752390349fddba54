import type {
  HeldConnection,
  Lsn,
  PoolStats,
  RecordedStatement,
  ReplicaStats,
  StatementFigures,
  Tidemark,
} from '@tidemark/contracts';
import type { AnswersInFlight } from './connection/answer-budget.ts';
import type { DbEvent } from './events.ts';
import type { PoolOptions } from './pool/options.ts';
import type { Streams } from './stream/types.ts';
import type { Identity, Pool, QueryOptions, Row, Rows, Statement, Transaction, TransactionOptions } from './types.ts';

export interface ReadRequest extends QueryOptions {
  identity: Identity;
  statement: Statement;
  /** The answer must reflect at least this position. Throws DB_EPOCH_CHANGED when it is of another epoch. */
  tidemark?: Tidemark;
  /** It is no sign that the database is in use; without use its servers are asked for their positions less often. */
  isBackground?: boolean;
}

export interface ReadResult<R extends Row = Row> {
  rows: Rows<R>;
  /** At least the position asked for. The rows include every transaction acknowledged before it was handed out. */
  tidemark: Tidemark;
  /**
   * The rows provably include every transaction up to this position. It may be below the one asked for while a
   * writing transaction is open. Cache fills and change followers must compare this one with the WAL.
   */
  proven: Tidemark;
  source: 'replica' | 'primary';
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
  /** The pool of a replica that has replayed `tidemark`; undefined when only the primary is known to have it. */
  replicaAt(tidemark: Tidemark): Promise<Pool | undefined>;
  readonly streams: Streams;
  epoch(): string;
  primaryLsn(): Lsn;
  /** The URL of the server that takes writes. It changes when a promoted replica is followed. */
  primaryUrl(): string;
  poolStats(): PoolStats[];
  /** The connections in use, the longest held first; at most `max`. */
  held(max: number): HeldConnection[];
  replicaStats(): ReplicaStats[];
  readStats(): { replicaTotal: number; primaryTotal: number; cacheTotal: number; waitedTotal: number };
  /** The statements that took most time, merged over the pools; at most `max`, default 50. */
  statements(max?: number): StatementFigures[];
  /** The text of a statement by its id in `statements`; undefined for one that is no longer known, or was cut. */
  statementText(id: string): string | undefined;
  slow(): RecordedStatement[];
  recent(): RecordedStatement[];
  /** Switches the recording of statements off and on, to measure its cost. Pipelining verdicts stay as they are. */
  recordStatements(on: boolean): void;
  /** Statements are prepared anew: else `= $1` may find nothing in a timestamp that has become a timestamptz. */
  schemaChanged(): Promise<void>;
  /**
   * Plans are made anew, with the present BYPASSRLS and memberships of each role: on the primary once it resolves, on a
   * replica once that has replayed the present position. The pools do so by themselves within some seconds.
   */
  rolesChanged(): Promise<void>;
  readonly answers: AnswersInFlight;
  problem(): string | undefined;
  close(deadlineMs?: number): Promise<void>;
}

export interface DatabaseOptions {
  /** Postgres itself, for watchers, exports, the relay and our own statements. */
  primaryUrl: string;
  /** The same server through a pooler in transaction mode, for the requests on the primary. */
  pooledUrl?: string;
  replicaUrls?: readonly string[];
  applicationName: string;
  /** Start-up settings of the pools' sessions. They override what the database or the role sets; a transaction may set others. */
  settings?: Readonly<Record<string, string>>;
  /** A replica is used again under this lag; default 1,000 ms. */
  healthyLagMs?: number;
  /** A replica is ejected over this lag; default 5,000 ms. */
  unhealthyLagMs?: number;
  /** Without a read or write for this time, servers are asked for their positions every 10 s, not every 250 ms; default 30,000 ms. */
  idleAfterMs?: number;
  /** A promoted replica is followed when the primary has not answered for this time; default 2,000 ms. */
  failoverAfterMs?: number;
  /** Longest time that a read waits for a replica to reach its tidemark before it goes to the primary; default 100 ms. */
  tidemarkWaitMs?: number;
  /** A statement that executes for longer counts as slow; default 1,000 ms; 0 switches it off. */
  slowMs?: number;
  /** Length of the lists of latest and slow statements; default 200. */
  statementHistory?: number;
  recordStatements?: boolean;
  /** Bytes of one answer; a longer one is refused with DB_ANSWER_BYTES, and its connection is replaced. Default 64 MiB. */
  answerMaxBytes?: number;
  /** Bytes of all answers that are being read or sent; beyond it reads are refused with DB_ANSWERS_FULL. Default 256 MiB. */
  answersTotalBytes?: number;
  /** Limit in ms by role for one statement, and for all of a transaction together; `*` is any other role. */
  statementTimeouts?: ReadonlyMap<string, number>;
  pools?: { [K in 'write' | 'read' | 'analytics' | 'admin']?: Partial<PoolOptions> };
  observe?: (event: DbEvent) => void;
}
