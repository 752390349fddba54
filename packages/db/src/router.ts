/**
 * Where a read is answered, and what its answer reflects.
 *
 *   no tidemark      the least busy healthy replica, else the primary
 *   tidemark T       a replica that has replayed T · else a short wait for the one that is nearest · else the primary
 *
 * A replica's answer reflects its replay position as polled before the statement (its snapshot can only be later). The
 * primary's reflects what the horizon proves for its snapshot.
 */
import { formatLsn, formatTidemark, type Lsn, parseTidemark, type Tidemark, TidemarkError } from '@tidemark/contracts';
import { errors } from './errors.ts';
import { runIdentityRead } from './identity-read.ts';
import { type IdentityTransaction, runIdentityTransaction } from './identity-transaction.ts';
import { encodeStatement } from './param.ts';
import type { SlotPool } from './pool.ts';
import { PostgresError } from './postgres-error.ts';
import type { PrimaryWatcher } from './primary-watcher.ts';
import type { ReplicaWatcher } from './replica-watcher.ts';
import type { ReadRequest, ReadResult, Row, Rows, WriteRequest, WriteResult } from './types.ts';

export interface Replica {
  pool: SlotPool;
  watcher: ReplicaWatcher;
}

export interface RouterInit {
  write: SlotPool;
  replicas: readonly Replica[];
  primary: PrimaryWatcher;
  tidemarkWaitMs: number;
}

export class Router {
  readonly #init: RouterInit;
  readonly stats = { replicaTotal: 0, primaryTotal: 0, cacheTotal: 0, waitedTotal: 0 };

  constructor(init: RouterInit) {
    this.#init = init;
  }

  async read<R extends Row>(request: ReadRequest): Promise<ReadResult<R>> {
    const asked = request.tidemark === undefined ? 0n : await this.#checkTidemark(request.tidemark);
    const replica = this.#choose(asked) ?? (asked > 0n ? await this.#waitFor(asked) : undefined);
    if (replica !== undefined) {
      try {
        return await this.#readReplica<R>(replica, request, asked);
      } catch (error) {
        // Nothing was changed by a read: once more, where it cannot fail for the same reason.
        if (!isReplicasFault(error)) throw error;
        replica.watcher.suspect();
      }
    }
    return await this.#readPrimary<R>(request, asked);
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    const { write, primary } = this.#init;
    const statements = request.statements.map(encodeStatement);
    const outcome = await runIdentityTransaction(
      write,
      { identity: request.identity, statements, readOnly: false, rollback: request.rollback === true, after: POSITION },
      request,
    );
    // The connection died between the COMMIT's confirmation and the position: any later one will do.
    const position = outcome.after ?? (await write.query(POSITION.text, [], request))[0];
    const lsn = BigInt(position!.lsn);
    primary.noteWrite(lsn);
    return { results: outcome.results, tidemark: formatTidemark(this.#epoch(), lsn) };
  }

  /** The position that is asked for. Throws DB_EPOCH_CHANGED and DB_TIDEMARK_AHEAD, after a second look at the primary. */
  async #checkTidemark(tidemark: Tidemark): Promise<Lsn> {
    const { primary, replicas } = this.#init;
    const { epoch, lsn } = parseTidemark(tidemark);
    const isKnown = () => epoch === primary.epoch && lsn <= primary.inserted;
    if (isKnown()) return lsn;
    await primary.refresh();
    if (isKnown()) return lsn;
    if (epoch !== primary.epoch) throw errors.EPOCH_CHANGED({ asked: epoch, current: this.#epoch() });
    // While the primary is away, it cannot be asked: a replica may have got there.
    if (primary.error !== undefined || replicas.some(({ watcher }) => watcher.replayed >= lsn)) return lsn;
    throw errors.TIDEMARK_AHEAD({ asked: formatLsn(lsn), current: formatLsn(primary.inserted) });
  }

  #choose(asked: Lsn): Replica | undefined {
    let best: Replica | undefined;
    for (const replica of this.#init.replicas) {
      if (!replica.watcher.isHealthy || replica.watcher.replayed < asked) continue;
      if (best === undefined || replica.pool.load < best.pool.load) best = replica;
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

  async #readReplica<R extends Row>(
    { pool, watcher }: Replica,
    request: ReadRequest,
    asked: Lsn,
  ): Promise<ReadResult<R>> {
    const statements = [encodeStatement(request.statement)];
    // Taken before the statement is sent: its snapshot cannot be older.
    const replayed = watcher.replayed;
    const transaction: IdentityTransaction = { identity: request.identity, statements, readOnly: true };
    const { results } = await runIdentityRead(pool, transaction, request);
    this.stats.replicaTotal++;
    return this.#result<R>(results, replayed, asked, 'replica', pool.name);
  }

  async #readPrimary<R extends Row>(request: ReadRequest, asked: Lsn): Promise<ReadResult<R>> {
    const { write, primary } = this.#init;
    const statements = [encodeStatement(request.statement)];
    const { identity } = request;
    const transaction: IdentityTransaction = { identity, statements, readOnly: true, extra: XMIN };
    const { results, first } = await once(() => runIdentityRead(write, transaction, request));
    this.stats.primaryTotal++;
    return this.#result<R>(results, primary.horizon.provenBy(BigInt(first.xmin)), asked, 'primary', write.name);
  }

  #result<R extends Row>(
    results: Rows[],
    proven: Lsn,
    asked: Lsn,
    source: 'replica' | 'primary',
    server: string,
  ): ReadResult<R> {
    const epoch = this.#epoch();
    return {
      rows: results[0] as Rows<R>,
      tidemark: formatTidemark(epoch, proven > asked ? proven : asked),
      proven: formatTidemark(epoch, proven),
      source,
      server,
    };
  }

  #epoch(): string {
    return this.#init.primary.epoch ?? '';
  }
}

/** The statement's snapshot in the default isolation is taken after this one's, so this xmin is a lower bound of its own. */
const XMIN = ', pg_snapshot_xmin(pg_current_snapshot())::text as xmin';

/**
 * Behind the COMMIT: with synchronous_commit on, the flushed position is at or past the end of our commit record. With it
 * off nothing may be flushed yet, and the inserted position is. As a number, which takes no parsing.
 */
const POSITION = encodeStatement({
  text: `select ((case when current_setting('synchronous_commit') = 'off' then pg_current_wal_insert_lsn()
                       else pg_current_wal_flush_lsn() end) - '0/0'::pg_lsn)::text as lsn`,
});

/** A read that lost its connection is repeated once: nothing was changed. */
async function once<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'DB_CONNECTION_LOST') return await read();
    throw error;
  }
}

/** True for what another server may do better: a lost or missing connection, a conflict with replay, a restart. */
function isReplicasFault(error: unknown): boolean {
  if (error instanceof PostgresError) return RECOVERY_CODES.has(error.code);
  return error instanceof TidemarkError && CONNECTION_CODES.has(error.code);
}

/** 40001: "canceling statement due to conflict with recovery"; 40P01: the same for a buffer pin; 57P0x: shutting down. */
const RECOVERY_CODES = new Set(['40001', '40P01', '57P01', '57P02', '57P03', '53300']);
const CONNECTION_CODES = new Set(['DB_CONNECTION_LOST', 'DB_STATEMENT_OVERRUN', 'DB_CONNECT_FAILED']);
