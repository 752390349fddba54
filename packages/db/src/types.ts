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
import type { Lsn, PoolStats } from '@tidemark/contracts';

/** Sent as text: objects as JSON, arrays as Postgres array literals, bytes as hex. */
export type Param = string | number | boolean | bigint | null | undefined | Uint8Array | Date | Param[] | object;

export interface Statement {
  /** SQL with `$1`…; prepared on the connection once it repeats (recent-texts.ts), unless `prepare` is false. */
  text: string;
  params?: readonly Param[];
  /** Default true. False for texts that will not be seen again. */
  prepare?: boolean;
  /**
   * Default false. True where the statement leaves its session as it was: it runs only built-in functions, and none of those that change
   * the session. It may then share a transaction with others on a pipeline.
   */
  sessionSafe?: boolean;
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
  /** The snapshot of this very statement, and a position read after it was taken. Pipelined like `query`. */
  snapshot(): Promise<ServerSnapshot>;
}

export interface ServerSnapshot {
  /** The server is a replica. */
  isStandby: boolean;
  /** The insert position of the primary, or the replay position of a replica. */
  lsn: Lsn;
  /** As Postgres writes it: `xmin:xmax:xid,…`. A replica lists no running transactions. */
  text: string;
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
