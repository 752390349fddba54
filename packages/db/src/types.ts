/**
 * The words of this package.
 *
 *   connection      one `postgres({ max: 1 })` client, with a generation; discarded the moment its socket closes
 *   lease     the exclusive use of a connection, until released or until its connection dies
 *   pool      the connections for one purpose on one server: `write`, `read:<replica>`, `analytics`, `analytics:<replica>`, `admin`
 *   holder    who holds a lease: route, statement, since when
 *   identity  the Postgres role and the JWT claims that a statement runs under
 *   router    chooses the server of a read: a replica that has replayed far enough, else the primary
 */
import type { Lsn, PoolStats, ReplicaStats, StatementFigures, Tidemark } from '@tidemark/contracts';
import type { Streams } from './stream/types.ts';

/** Sent as text: objects as JSON, arrays as Postgres array literals, bytes as hex. */
export type Param = string | number | boolean | bigint | null | undefined | Uint8Array | Date | Param[] | object;

export interface Statement {
  /** SQL with `$1`…; prepared on the connection once it repeats (recent-texts.ts), unless `prepare` is false. */
  text: string;
  params?: readonly Param[];
  /** Default true. False for texts that will not be seen again. */
  prepare?: boolean;
  /**
   * Default false. True where it runs no function but Postgres's own and none of those that change the session, so that what runs
   * behind it in its transaction finds everything as it was: then it may share a transaction with others on a pipeline.
   */
  inert?: boolean;
}

/** int2/int4/oid/float as number, bool as boolean, json as parsed, everything else (int8, numeric, dates, arrays) as text. */
// biome-ignore lint/suspicious/noExplicitAny: a row's type is the caller's statement.
export type Row = Record<string, any>;
export interface Rows<R extends Row = Row> extends Array<R> {
  /** Rows affected or returned, from the command tag. */
  count: number;
}

/** A Postgres role and the claims that policies see as `current_setting('request.jwt.claims', true)`. */
export interface Identity {
  role: string;
  /** JSON text. */
  claims: string;
  /** More settings for the transaction, such as `request.headers`. */
  settings?: Readonly<Record<string, string>>;
}

export interface Holder {
  /** The route template or job that asked, such as `GET /rest/v1/:table`. */
  route?: string;
  trace?: string;
  /** The start of its text, without parameters; of a stream. */
  statement?: string;
}

/** A client that waits for an answer and may leave before it is there. */
export interface Client {
  readonly isGone: boolean;
  /** Whose share of the connections and of the answers it counts for, the same at each call. Default: that of its role and claims, which all the anonymous have in common. */
  readonly key?: string | undefined;
  /** Told before a statement is run for it: ms that its connection is expected to be held. */
  expects?(ms: number): void;
  /** Told when it has run: ms that it held its connection. `isFruitless`: it was cut off, or its answer refused, or nobody waits for it. */
  spent?(ms: number, isFruitless: boolean): void;
  /** Calls back once, when it goes. Call what this returns to be no longer told. */
  onGone(listener: () => void): () => void;
}

export interface QueryOptions {
  holder?: Holder;
  /** When it goes, waiting for a connection ends with DB_CLIENT_GONE, and what runs for it alone is cancelled, a COMMIT excepted. */
  client?: Client;
  /** Most time to wait for a connection, ms; default the pool's `acquireTimeoutMs`. */
  acquireTimeoutMs?: number;
  /**
   * Most time for the statement, ms; the connection is discarded after it. Default the pool's `statementTimeoutMs`, and under an
   * identity what `statementTimeouts` says of its role. A role's own statement_timeout in Postgres holds in any case, where it is lower.
   */
  timeoutMs?: number;
  /** Told once the statement, or the transaction, has been answered: by which pool, after how long a wait, in what time. */
  timing?: (pool: string, waitMs: number, ms: number) => void;
}

export interface TransactionOptions extends QueryOptions {
  identity?: Identity;
  readOnly?: boolean;
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

/** The use of one open transaction. Statements sent in one tick are pipelined, in order. */
export interface Transaction {
  query<R extends Row = Row>(text: string, params?: readonly Param[]): Promise<Rows<R>>;
}

export interface Pool {
  readonly name: string;
  /** One statement in a transaction of its own, as the pool's own user. */
  query<R extends Row = Row>(text: string, params?: readonly Param[], options?: QueryOptions): Promise<Rows<R>>;
  /**
   * Runs `work` between BEGIN and COMMIT on one connection; ROLLBACK when it throws.
   * Rejects with DB_CONNECTION_LOST when the connection dies; then the outcome of a COMMIT already sent is unknown.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  stats(): PoolStats;
  /** Waits for leases up to the deadline, then discards every connection. */
  close(deadlineMs?: number): Promise<void>;
}

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

export interface Database {
  readonly pools: {
    readonly write: Pool;
    readonly analytics: Pool;
    readonly admin: Pool;
    readonly reads: readonly Pool[];
  };
  read<R extends Row = Row>(request: ReadRequest): Promise<ReadResult<R>>;
  write(request: WriteRequest): Promise<WriteResult>;
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
  readonly answers: AnswersInFlight;
  /** Undefined when reads and writes can be served, else why not. */
  problem(): string | undefined;
  close(deadlineMs?: number): Promise<void>;
}

/** Answers that are being read from Postgres and sent on. */
export interface AnswersInFlight {
  /** Counts an answer that was read until it has been sent: the returned function says so. Undefined: it is too small to be counted. `keyOf`: its client's `key`. */
  hold(bytes: number, keyOf: () => string): (() => void) | undefined;
  stats(): AnswerStats;
}

export interface AnswerStats {
  /** Held at the moment; answers under 64 KiB are not counted. */
  bytes: number;
  /** The most that may be held. */
  totalBytes: number;
  /** Refused with DB_ANSWER_BYTES. */
  tooLargeTotal: number;
  /** Refused with DB_ANSWERS_FULL. */
  refusedTotal: number;
}

/** One run of a statement. No parameter and no constant of it is in here. */
export interface RecordedStatement {
  /** Ms since 1970, when it ended. */
  at: number;
  pool: string;
  text: string;
  /** For a connection, or for those before it on a pipeline. */
  waitMs: number;
  ms: number;
  rows: number;
  failed: boolean;
  route?: string;
  trace?: string;
}

export interface PoolOptions {
  min: number;
  max: number;
  /** Connections in use are kept to what the server can use, from measured times (pool/vegas-limit.ts); else up to `max`. */
  autosize: boolean;
  /** Most requests waiting for a connection; one more is refused at once with DB_POOL_FULL. */
  waitingLimit: number;
  /** Newcomers are refused with DB_POOL_FULL so that nobody waits for much longer than this (pool/pie-controller.ts). 0, the default: off. */
  queueTargetMs: number;
  acquireTimeoutMs: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  /** Postgres ends a session whose transaction waits for us for longer. 0: never. */
  idleInTransactionTimeoutMs: number;
  idleTimeoutMs: number;
  /** A connection is replaced after this long, ± 10 %. */
  lifetimeMs: number;
  /** A lease held longer is reported as a leak. 0: none is. */
  leakThresholdMs: number;
  /** A lease held longer is taken back: its connection is discarded. 0, the default: none is. */
  leakReclaimMs: number;
  /** A connection that was idle for longer is asked before it is used. */
  validateAfterIdleMs: number;
  /** Bytes that prepared statements may take in the backend of a connection (prepared-budget.ts). */
  preparedBytes: number;
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

export type DbEvent =
  | { type: 'db.connected'; pool: string; ms: number }
  | { type: 'db.connect_failed'; pool: string; error: Error }
  | { type: 'db.connection_lost'; pool: string; pending: number; error: Error }
  | { type: 'db.refused'; pool: string; waiting: number }
  | { type: 'db.acquire_timeout'; pool: string; waitedMs: number }
  | { type: 'db.leak'; pool: string; heldMs: number; holder: Holder; stack: string | undefined }
  | { type: 'db.statement_overrun'; pool: string; ms: number; holder: Holder }
  /** At most 10 a second are told; the counters have all. */
  | ({ type: 'db.slow_statement' } & RecordedStatement)
  | { type: 'db.replica_unhealthy'; replica: string; reason: string }
  | { type: 'db.replica_healthy'; replica: string }
  | { type: 'db.epoch_changed'; from: string; to: string }
  /** Writes go to another server; `epoch` is the one that was minted for it. */
  | { type: 'db.primary_moved'; from: string; to: string; timeline: number; epoch: string }
  /** The pools of this instance are smaller than their defaults, so that all instances fit. `free` is what nobody had at its start. */
  | {
      type: 'db.pools_shrunk';
      server: string;
      available: number;
      free: number;
      pools: Readonly<Record<string, number>>;
    }
  /**
   * The pools of all `instances` (services and their instances), with the `others` that are connected, may ask for more than
   * the server allows. Nothing has failed yet; `error` has the remedy.
   */
  | {
      type: 'db.too_few_connections';
      server: string;
      available: number;
      needed: number;
      instances: number;
      others: number;
      error: Error;
    }
  /** The schema `tidemark` was changed by hand; at most 20 lines of each kind. `error` has the remedy. */
  | { type: 'db.schema_drifted'; server: string; missing: string[]; unexpected: string[]; error: Error }
  /** What `alter role … set statement_timeout` says is not known anew; what was known stays in force. */
  | { type: 'db.role_settings_failed'; error: Error }
  | { type: 'db.schema_unchecked'; server: string; error: Error }
  /** A replica is a primary of its own, and writes do not follow it. */
  | { type: 'db.promotion_ignored'; reason: string }
  | { type: 'db.promotion_failed'; to: string; error: Error };
