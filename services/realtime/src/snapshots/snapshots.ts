/**
 * Takes a snapshot of a plan's rows, with the visibility that says which changes it does not hold (snapshot-visibility.ts). From a replica that has got as far
 * as the plan's facts where there is one, else from the primary: one that is behind would give rows under policies and columns that are
 * no longer in force. Rows are fetched in pages, so that memory does not grow with the table.
 */
import {
  formatTidemark,
  type Lsn,
  laterTidemark,
  parseTidemark,
  type Tidemark,
  TidemarkError,
} from '@tidemark/contracts';
import type { Database, Identity, Pool, Transaction } from '@tidemark/db';
import { errors } from '../errors.ts';
import { WaitingRoom } from '../limits/waiting-room.ts';
import type { LivePlan } from '../query/live-plan.ts';
import { snapshotSql } from '../query/select-sql.ts';
import { fetchPage } from './snapshot-page.ts';
import { primaryVisibility } from './snapshot-place.ts';
import { parseXidSnapshot, type SnapshotVisibility } from './snapshot-visibility.ts';

export interface SnapshotOptions {
  database: Database;
  pageRows: number;
  /** Bytes of a row as JSON. */
  maxRowBytes: number;
  timeoutMs: number;
  concurrency: number;
  maxWaiting: number;
  sharePercent: number;
  /** Whether a transaction on the plan's table may or may not be in the rows, once the feed has got that far. */
  isUndecided(plan: LivePlan, visibility: SnapshotVisibility): Promise<boolean>;
}

export interface SnapshotReader {
  /** It must not be taken of a server that has not got so far. */
  notBefore: Lsn;
  /** Before the first page: what the changes then have to pass. Of the primary, without knowing `after`. */
  onVisibility(visibility: SnapshotVisibility): void;
  /** JSON texts of rows. Awaited, which is the backpressure. */
  onPage(rows: string[], done: boolean): Promise<void>;
}

export interface Snapshots {
  /** @throws RT_SNAPSHOTS_BUSY, RT_SNAPSHOT_UNPLACED, RT_ROW_TOO_LARGE, Postgres's errors (PostgresError) */
  take(plan: LivePlan, identity: Identity, holder: string, reader: SnapshotReader): Promise<void>;
  running(): number;
  waiting(): number;
}

/** On a replica that is written to without pause, one attempt in two or three finds a moment between two commits. */
const STANDBY_ATTEMPTS = 5;

export function createSnapshots(options: SnapshotOptions): Snapshots {
  const { database } = options;
  const room = new WaitingRoom(options);

  async function take(plan: LivePlan, identity: Identity, reader: SnapshotReader): Promise<void> {
    const sql = snapshotSql(plan, options.maxRowBytes);
    const from = laterTidemark(plan.facts.tidemark, formatTidemark(plan.facts.epoch, reader.notBefore));
    const replica = await replicaAt(database, from);
    if (replica) {
      const taken = await replica.transaction((tx) => fromStandby(tx, plan, from, sql, reader), {
        identity,
        readOnly: true,
        timeoutMs: options.timeoutMs,
      });
      if (taken) return;
    }
    await database.pools.write.transaction((tx) => fromPrimary(tx, sql, reader), {
      identity,
      readOnly: true,
      isolation: 'repeatable read',
      timeoutMs: options.timeoutMs,
    });
  }

  /** False where no attempt could be placed exactly between the changes. */
  async function fromStandby(
    tx: Transaction,
    plan: LivePlan,
    from: Tidemark,
    sql: { text: string; params: string[] },
    reader: SnapshotReader,
  ): Promise<boolean> {
    for (let attempt = 1; attempt <= STANDBY_ATTEMPTS; attempt += 1) {
      const name = `tidemark_${attempt}`;
      // In one tick, hence without a pause between them; the cursor's snapshot is taken when it is declared.
      const [, before, , after] = await Promise.all([
        tx.query(UTC),
        tx.snapshot(),
        tx.query(`declare ${name} no scroll cursor for ${sql.text}`, sql.params),
        tx.snapshot(),
      ]);
      // The address may lead to another server than the one that was polled, or the replica was promoted.
      if (!before.isStandby || !after.isStandby || before.lsn < parseTidemark(from).lsn) return false;
      const visibility: SnapshotVisibility = {
        kind: 'standby',
        snapshot: {
          xmin: parseXidSnapshot(before.text).xmin,
          xmax: parseXidSnapshot(after.text).xmax,
          running: new Set(),
        },
        after: before.lsn,
        until: after.lsn,
      };
      if (!(await options.isUndecided(plan, visibility))) {
        reader.onVisibility(visibility);
        await pages(tx, name, reader);
        return true;
      }
      await tx.query(`close ${name}`);
    }
    return false;
  }

  async function fromPrimary(
    tx: Transaction,
    sql: { text: string; params: string[] },
    reader: SnapshotReader,
  ): Promise<void> {
    // REPEATABLE READ: all of them, and the cursor, see by the same snapshot. The position is read after it was taken.
    const [, taken] = await Promise.all([
      tx.query(UTC),
      tx.snapshot(),
      tx.query(`declare tidemark_1 no scroll cursor for ${sql.text}`, sql.params),
    ]);
    reader.onVisibility(primaryVisibility(taken));
    await pages(tx, 'tidemark_1', reader);
  }

  async function pages(tx: Transaction, cursor: string, reader: SnapshotReader): Promise<void> {
    const limits = { rows: options.pageRows, bytes: PAGE_BYTES, rowBytes: options.maxRowBytes };
    for (;;) {
      const { rows, done } = await fetchPage(tx, cursor, limits);
      await reader.onPage(rows, done);
      if (done) return;
    }
  }

  return {
    async take(plan, identity, holder, reader) {
      const refusal = room.refuses(holder);
      if (refusal) throw errors.SNAPSHOTS_BUSY({ limit: refusal.limit, where: refusal.where });
      await room.run(holder, () => take(plan, identity, reader));
    },
    running: () => room.running,
    waiting: () => room.waiting,
  };
}

/** At 1 KB a row, more than a page has. */
const PAGE_BYTES = 1_048_576;

/** Filters are compiled for it, and to_jsonb prints timestamptz in it. */
const UTC = `select set_config('timezone', 'UTC', true)`;

/** @throws RT_NOT_FOLLOWING between two epochs */
async function replicaAt(database: Database, tidemark: Tidemark): Promise<Pool | undefined> {
  try {
    return await database.replicaAt(tidemark);
  } catch (cause) {
    if (!(cause instanceof TidemarkError) || cause.code !== 'DB_EPOCH_CHANGED') throw cause;
    throw errors.NOT_FOLLOWING({ reason: 'the changes of the new epoch have not come yet' }, { cause });
  }
}
