/**
 * The terms of this package.
 *
 *   connection   one `postgres({ max: 1 })` client, discarded the moment its socket closes
 *   lease        the exclusive use of a connection, until it is released or its connection is lost
 *   pool         the connections for one purpose on one server: `write`, `read:<replica>`, `analytics`, `analytics:<replica>`, `admin`
 *   holder       the route or job that uses a lease
 *   identity     the Postgres role and the JWT claims that a statement runs under
 *   tidemark     `<epoch>-<LSN>`, the position in the write-ahead log that an answer reflects
 */
import type { Lsn, PoolStats } from '@tidemark/contracts';

/** A parameter is sent as text: objects as JSON, arrays as Postgres array literals, bytes as hex. */
export type Param = string | number | boolean | bigint | null | undefined | Uint8Array | Date | Param[] | object;

export interface Statement {
  /** SQL with `$1`…; prepared once it repeats, unless `prepare` is false. */
  text: string;
  params?: readonly Param[];
  prepare?: boolean;
  /** True: the statement leaves its session as it was, by built-in functions alone. It may share a transaction. */
  sessionSafe?: boolean;
}

/** int2/int4/oid/float as number, bool as boolean, json as parsed, everything else (int8, numeric, dates, arrays) as text. */
// biome-ignore lint/suspicious/noExplicitAny: a row's type is the caller's statement.
export type Row = Record<string, any>;
export interface Rows<R extends Row = Row> extends Array<R> {
  /** Rows affected or returned, from the command tag. */
  count: number;
  /** The columns of a statement that returns rows. `type` and `table` are oids; `number` is that of the table's column. */
  columns?: readonly ResultColumn[];
}

export interface ResultColumn {
  name: string;
  type: number;
  /** 0: an expression. */
  table: number;
  number: number;
}

/** A Postgres role and the claims that policies see as `current_setting('request.jwt.claims', true)`. */
export interface Identity {
  role: string;
  claims: string;
  /** More settings for the transaction, such as `request.headers`. */
  settings?: Readonly<Record<string, string>>;
  /** A statement that runs first, as the role and with the settings; its failure fails the transaction. */
  before?: string;
}

export interface Holder {
  /** The route template or job that asked, such as `GET /rest/v1/:table`. */
  route?: string;
  trace?: string;
  /** The start of a stream's text, without parameters. */
  statement?: string;
}

export interface Client {
  readonly isGone: boolean;
  /** Connections and answers count for the share of this key. Default: the role and claims. */
  readonly key?: string | undefined;
  /** Called before a statement runs: expected time in ms that it uses its connection. */
  expects?(ms: number): void;
  /** Time in ms after a statement. `isFruitless`: it was cancelled, its answer was refused, or the client is gone. */
  spent?(ms: number, isFruitless: boolean): void;
  /** Calls `listener` once, when the client goes. The returned function removes it. */
  onGone(listener: () => void): () => void;
}

/**
 * `settings`: settings, locks, temporary tables, cursors and sequences. `statements`: also those of PREPARE, which makes
 * calls of short functions 11 % slower.
 */
export type SessionReset = false | 'settings' | 'statements';

export interface QueryOptions {
  holder?: Holder;
  /** When the client goes, waiting for a connection ends with DB_CLIENT_GONE, and its statement is cancelled, except a COMMIT. */
  client?: Client;
  /** Longest wait for a connection in ms; default the pool's `acquireTimeoutMs`. */
  acquireTimeoutMs?: number;
  /** Limit in ms; the connection is discarded after it. Default: the pool's, or under an identity its role's. */
  timeoutMs?: number;
  /** The statement may change its session for later ones: the connection is reset before it is used again. */
  resetAfter?: SessionReset;
  /**
   * Called when the statement or transaction has ended, with the pool's name, the wait and the time; `isFailed`: it was not answered, or
   * not even sent, when no connection came in time.
   */
  timing?: (pool: string, waitMs: number, ms: number, isFailed?: boolean) => void;
}

export interface TransactionOptions extends QueryOptions {
  identity?: Identity;
  readOnly?: boolean;
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

/** One open transaction. Statements sent in one tick are pipelined, in order. */
export interface Transaction {
  query<R extends Row = Row>(text: string, params?: readonly Param[]): Promise<Rows<R>>;
  /** The snapshot of this statement, and a position read after the snapshot was taken. Pipelined like `query`. */
  snapshot(): Promise<ServerSnapshot>;
}

export interface ServerSnapshot {
  isStandby: boolean;
  lsn: Lsn;
  /** The format of Postgres: `xmin:xmax:xid,…`. A replica lists no running transactions. */
  text: string;
}

export interface Pool {
  readonly name: string;
  query<R extends Row = Row>(text: string, params?: readonly Param[], options?: QueryOptions): Promise<Rows<R>>;
  /** Rolls back on an error of `work`. DB_CONNECTION_LOST: the outcome of a COMMIT already sent is unknown. */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  stats(): PoolStats;
  /** Waits for leases up to the deadline, then discards every connection. */
  close(deadlineMs?: number): Promise<void>;
}
