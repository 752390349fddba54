/**
 * Routes reads and writes, and derives the position that an answer reflects.
 *
 *   no tidemark      the least busy healthy replica, else the primary
 *   tidemark T       a replica that has replayed T · else a short wait for the nearest one · else the primary
 *
 * On a server a read takes the `read` pool; where that is full, an unused connection of `analytics`; then one of the primary's `write`
 * pool, while writers have half of it to themselves. It never waits for the connections of another purpose.
 *
 * A replica's answer reflects its replay position as polled before the statement (its snapshot can only be later). The primary's
 * reflects what snapshot-lsn.ts proves for its snapshot.
 */
import { formatLsn, formatTidemark, type Lsn, parseTidemark, type Tidemark, TidemarkError } from '@tidemark/contracts';
import { PostgresError } from '../connection/postgres-error.ts';
import type {
  ReadRequest,
  ReadResult,
  TransactionResult,
  WriteRequest,
  WriteResult,
  WriteTransactionOptions,
} from '../database-types.ts';
import { errors } from '../errors.ts';
import type { ConnectionPool } from '../pool/pool.ts';
import { encodeStatement } from '../sql/param.ts';
import { COMMITTED_SQL } from '../sql/wal.ts';
import { recordTogether } from '../statements/recording.ts';
import { runIdentityRead } from '../transactions/identity-read.ts';
import { type IdentityTransaction, runIdentityTransaction } from '../transactions/identity-transaction.ts';
import { runTransaction } from '../transactions/transaction.ts';
import type { QueryOptions, Row, Rows, Transaction } from '../types.ts';
import type { Activity } from './activity.ts';
import type { PrimaryWatcher } from './primary-watcher.ts';
import type { ReplicaWatcher } from './replica-watcher.ts';

export interface Replica {
  pool: ConnectionPool;
  analytics: ConnectionPool;
  watcher: ReplicaWatcher;
}

export interface RouterInit {
  write: ConnectionPool;
  replicas: readonly Replica[];
  primary: PrimaryWatcher;
  tidemarkWaitMs: number;
  activity: Activity;
}

/** The first request after a pause waits for positions at most as long as they are old under load. */
const WAKE_MS = 250;

export class Router {
  readonly #init: RouterInit;
  #formatted: { epoch: string; lsn: Lsn; text: Tidemark } = { epoch: '', lsn: -1n, text: '' };
  readonly stats = { replicaTotal: 0, primaryTotal: 0, cacheTotal: 0, waitedTotal: 0 };

  constructor(init: RouterInit) {
    this.#init = init;
  }

  async read<R extends Row>(request: ReadRequest): Promise<ReadResult<R>> {
    if (request.isBackground !== true) {
      const waking = this.#note();
      if (waking !== undefined) await waking;
    }
    const asked = request.tidemark === undefined ? 0n : await this.#checkTidemark(request.tidemark);
    const replica = this.#choose(asked) ?? (asked > 0n ? await this.#waitFor(asked) : undefined);
    if (replica !== undefined) {
      try {
        return await this.#readReplica<R>(replica, request, asked);
      } catch (error) {
        // A read changes nothing: it is repeated where it cannot fail for the same reason.
        if (isReplicasFault(error)) replica.watcher.suspect();
        else if (!isFull(error)) throw error;
        else {
          const spilled = await this.#readAnalytics<R>(replica, request, asked);
          if (spilled !== undefined) return spilled;
          if (!hasRoom(this.#init.write, WRITERS_SHARE)) throw error;
        }
      }
    }
    return await this.#readPrimary<R>(request, asked);
  }

  async streamFrom(tidemark: Tidemark | undefined): Promise<{ asked: Lsn; replica: Replica | undefined }> {
    await this.#note();
    const asked = tidemark === undefined ? 0n : await this.#checkTidemark(tidemark);
    const load = (replica: Replica) => replica.analytics.load;
    return { asked, replica: this.#choose(asked, load) ?? (asked > 0n ? await this.#waitFor(asked) : undefined) };
  }

  async replicaAt(tidemark: Tidemark): Promise<ConnectionPool | undefined> {
    await this.#note();
    const asked = await this.#checkTidemark(tidemark);
    return (this.#choose(asked) ?? (await this.#waitFor(asked)))?.pool;
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    void this.#note();
    const { write } = this.#init;
    const statements = request.statements.map(encodeStatement);
    // Read before anything is sent: a write in the history of this epoch must not get a tidemark of a later one.
    const epoch = this.#epoch();
    const { moves } = write;
    const began = performance.now();
    const record = (waitMs: number, results?: readonly Rows[]) => {
      const texts = statements.map(({ text }) => text);
      const ms = performance.now() - began - waitMs;
      recordTogether(write.statements, { texts, results, waitMs, ms, holder: request.holder });
    };
    const outcome = await runIdentityTransaction(
      write,
      { identity: request.identity, statements, readOnly: false, rollback: request.rollback === true, after: POSITION },
      request,
    ).catch((error: unknown) => {
      record(0);
      throw request.rollback ? error : asWrite(error);
    });
    record(outcome.waitMs, outcome.results);
    return { results: outcome.results, tidemark: await this.#written(epoch, moves, outcome.after, request) };
  }

  async transaction<T>(
    work: (tx: Transaction) => Promise<T>,
    { rollback = false, ...options }: WriteTransactionOptions = {},
  ): Promise<TransactionResult<T>> {
    void this.#note();
    const { write } = this.#init;
    const epoch = this.#epoch();
    const { moves } = write;
    const { value, after } = await runTransaction(write, work, options, { rollback, after: POSITION });
    return { value, tidemark: await this.#written(epoch, moves, after, options) };
  }

  /** The tidemark of a write, from the position that was read behind its COMMIT. `epoch` and `moves` are from before it was sent. */
  async #written(epoch: string, moves: number, after: Row | undefined, options: QueryOptions): Promise<Tidemark> {
    const { write, primary } = this.#init;
    // The connection died between the COMMIT's confirmation and the position: any later position of the same server will do.
    const position = after ?? (await write.query(POSITION.text, [], options))[0];
    const moved = write.moves !== moves;
    if (moved && after === undefined) throw errors.PRIMARY_CHANGED({ pool: write.name });
    const lsn = BigInt(position!.lsn);
    if (!moved) primary.noteWrite(lsn);
    return formatTidemark(epoch, lsn);
  }

  async #checkTidemark(tidemark: Tidemark): Promise<Lsn> {
    const { primary, replicas } = this.#init;
    const { epoch, lsn } = parseTidemark(tidemark);
    const isKnown = () => epoch === primary.epoch && lsn <= primary.inserted;
    if (isKnown()) return lsn;
    await primary.refresh();
    if (isKnown()) return lsn;
    if (epoch !== primary.epoch) throw errors.EPOCH_CHANGED({ asked: epoch, current: this.#epoch() });
    // While the primary is away it cannot be asked, but a replica may have replayed the position.
    if (primary.error !== undefined || replicas.some(({ watcher }) => watcher.replayed >= lsn)) return lsn;
    throw errors.TIDEMARK_AHEAD({ asked: formatLsn(lsn), current: formatLsn(primary.inserted) });
  }

  /** Undefined but for the first requests after a pause. */
  #note(): Promise<void> | undefined {
    const { activity } = this.#init;
    activity.note();
    return activity.isIdle ? activity.wake(WAKE_MS) : activity.waking;
  }

  #choose(asked: Lsn, load = readLoad): Replica | undefined {
    let best: Replica | undefined;
    for (const replica of this.#init.replicas) {
      if (!replica.watcher.isHealthy || replica.watcher.replayed < asked) continue;
      if (best === undefined || load(replica) < load(best)) best = replica;
    }
    return best;
  }

  async #waitFor(asked: Lsn): Promise<Replica | undefined> {
    let nearest: Replica | undefined;
    for (const replica of this.#init.replicas) {
      if (!replica.watcher.isMoving) continue;
      if (nearest === undefined || replica.watcher.replayed > nearest.watcher.replayed) nearest = replica;
    }
    if (nearest === undefined || this.#init.tidemarkWaitMs === 0) return undefined;
    this.stats.waitedTotal++;
    return (await nearest.watcher.reaches(asked, this.#init.tidemarkWaitMs)) ? nearest : undefined;
  }

  async #readAnalytics<R extends Row>(
    replica: Replica,
    request: ReadRequest,
    asked: Lsn,
  ): Promise<ReadResult<R> | undefined> {
    if (!hasRoom(replica.analytics, 1)) return undefined;
    try {
      return await this.#readReplica<R>({ ...replica, pool: replica.analytics }, request, asked);
    } catch (error) {
      if (isFull(error)) return undefined;
      throw error;
    }
  }

  async #readReplica<R extends Row>(
    { pool, watcher }: Replica,
    request: ReadRequest,
    asked: Lsn,
  ): Promise<ReadResult<R>> {
    const statements = [encodeStatement(request.statement)];
    // Taken before the statement is sent: its snapshot cannot be older.
    const replayed = watcher.replayed;
    const epoch = this.#epoch();
    const transaction: IdentityTransaction = { identity: request.identity, statements, readOnly: true };
    const { rows } = await runIdentityRead(pool, transaction, request, false);
    this.stats.replicaTotal++;
    return this.#result<R>({ epoch, rows, proven: replayed, asked, source: 'replica', server: pool.name });
  }

  async #readPrimary<R extends Row>(request: ReadRequest, asked: Lsn): Promise<ReadResult<R>> {
    const { write, primary } = this.#init;
    const statements = [encodeStatement(request.statement)];
    const { identity } = request;
    const transaction: IdentityTransaction = { identity, statements, readOnly: true };
    const epoch = this.#epoch();
    const { rows, xmin } = await once(() => runIdentityRead(write, transaction, request, true));
    this.stats.primaryTotal++;
    // Positions of another epoch, or of a server that was lost and not seen again, say nothing about this snapshot.
    const known = epoch === this.#epoch() && primary.error === undefined;
    const proven = known ? primary.snapshotLsn.provenBy(BigInt(xmin)) : 0n;
    return this.#result<R>({ epoch, rows, proven, asked, source: 'primary', server: write.name });
  }

  #result<R extends Row>({ epoch, rows, proven, asked, source, server }: Answer): ReadResult<R> {
    const text = this.#format(epoch, proven);
    const tidemark = proven >= asked ? text : formatTidemark(epoch, asked);
    return { rows: rows as Rows<R>, tidemark, proven: text, source, server };
  }

  /** Between two polls, all answers of a server have the same position, so the last text is kept. */
  #format(epoch: string, lsn: Lsn): Tidemark {
    const last = this.#formatted;
    if (last.lsn === lsn && last.epoch === epoch) return last.text;
    const text = formatTidemark(epoch, lsn);
    this.#formatted = { epoch, lsn, text };
    return text;
  }

  #epoch(): string {
    return this.#init.primary.epoch ?? '';
  }
}

interface Answer {
  epoch: string;
  rows: Rows;
  /** The position that the rows certainly contain. */
  proven: Lsn;
  asked: Lsn;
  source: 'replica' | 'primary';
  server: string;
}

const WRITERS_SHARE = 0.5;
const FULL_CODES = new Set(['DB_POOL_FULL', 'DB_ACQUIRE_TIMEOUT']);
const isFull = (error: unknown): boolean => error instanceof TidemarkError && FULL_CODES.has(error.code);
const hasRoom = (pool: ConnectionPool, part: number): boolean => !pool.isClosed && pool.load < pool.options.max * part;

const readLoad = (replica: Replica) => replica.pool.load;

const POSITION = encodeStatement({ text: `select ${COMMITTED_SQL} as lsn` });

async function once<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    // 57P01 admin_shutdown: treat it as a lost connection.
    const raised = error instanceof PostgresError && error.raised;
    if (!raised && error instanceof TidemarkError && (error.code === 'DB_CONNECTION_LOST' || error.code === '57P01')) {
      return await read();
    }
    throw error;
  }
}

/** The COMMIT was sent with the statements, so it may have happened before the connection was given up. */
function asWrite(error: unknown): unknown {
  if (!(error instanceof TidemarkError) || !ANSWER_CODES.has(error.code)) return error;
  return errors.ANSWER_BYTES_WRITE({ reason: error.message }, { cause: error });
}

const ANSWER_CODES = new Set(['DB_ANSWER_BYTES', 'DB_ANSWERS_FULL']);

/** Returns true for an error that another server may not have: a lost or missing connection, a conflict with replay, a restart. */
export function isReplicasFault(error: unknown): boolean {
  if (error instanceof PostgresError) return !error.raised && RECOVERY_CODES.has(error.code);
  return error instanceof TidemarkError && CONNECTION_CODES.has(error.code);
}

/** 40001: "canceling statement due to conflict with recovery"; 40P01: the same for a buffer pin; 57P0x: shutting down. */
const RECOVERY_CODES = new Set(['40001', '40P01', '57P01', '57P02', '57P03', '53300']);
const CONNECTION_CODES = new Set(['DB_CONNECTION_LOST', 'DB_STATEMENT_OVERRUN', 'DB_CONNECT_FAILED']);
