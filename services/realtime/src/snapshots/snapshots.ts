/**
 * Reads from a replica that has replayed the plan's facts, since one that is behind would apply former policies; else
 * from the primary. Pages keep the memory from growing with the table.
 */
import {
  formatTidemark,
  type Lsn,
  laterTidemark,
  parseTidemark,
  type Tidemark,
  TidemarkError,
} from '@tidemark/contracts';
import { type Database, type Identity, type Pool, parseXidSnapshot, type Transaction } from '@tidemark/db';
import { errors } from '../errors.ts';
import { WaitingRoom } from '../limits/waiting-room.ts';
import type { LivePlan } from '../query/live-plan.ts';
import { snapshotSql } from '../query/select-sql.ts';
import { fetchPage } from './snapshot-page.ts';
import { primaryVisibility } from './snapshot-place.ts';
import type { SnapshotVisibility } from './snapshot-visibility.ts';

export interface SnapshotOptions {
  database: Database;
  pageRows: number;
  maxRowBytes: number;
  timeoutMs: number;
  concurrency: number;
  maxWaiting: number;
  sharePercent: number;
  isUndecided(plan: LivePlan, visibility: SnapshotVisibility): Promise<boolean>;
}

export interface SnapshotReader {
  notBefore: Lsn;
  /** Called before the first page. On the primary, `after` is not known. */
  onVisibility(visibility: SnapshotVisibility): void;
  /** The next page is fetched when the promise resolves. */
  onPage(rows: string[], done: boolean): Promise<void>;
}

export interface Snapshots {
  take(plan: LivePlan, identity: Identity, holder: string, reader: SnapshotReader): Promise<void>;
  running(): number;
  waiting(): number;
}

/** Under constant writes, one attempt in two or three falls between two commits. */
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

  async function fromStandby(
    tx: Transaction,
    plan: LivePlan,
    from: Tidemark,
    sql: { text: string; params: string[] },
    reader: SnapshotReader,
  ): Promise<boolean> {
    for (let attempt = 1; attempt <= STANDBY_ATTEMPTS; attempt += 1) {
      const name = `tidemark_${attempt}`;
      // The statements are sent in one tick, without a pause. The cursor's snapshot is taken when it is declared.
      const [, before, , after] = await Promise.all([
        tx.query(UTC),
        tx.snapshot(),
        tx.query(`declare ${name} no scroll cursor for ${sql.text}`, sql.params),
        tx.snapshot(),
      ]);
      // The address may lead to another server than the polled one, or the replica was promoted.
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
    // In REPEATABLE READ, all statements share one snapshot. The position is read after it was taken.
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

/** A page of 500 rows has more bytes only above 2 KB a row. */
const PAGE_BYTES = 1_048_576;

/** Filters are compiled for UTC, and to_jsonb prints timestamptz in the session's time zone. */
const UTC = `select set_config('timezone', 'UTC', true)`;

async function replicaAt(database: Database, tidemark: Tidemark): Promise<Pool | undefined> {
  try {
    return await database.replicaAt(tidemark);
  } catch (cause) {
    if (!(cause instanceof TidemarkError) || cause.code !== 'DB_EPOCH_CHANGED') throw cause;
    throw errors.NOT_FOLLOWING({ reason: 'the changes of the new epoch have not arrived yet' }, { cause });
  }
}
