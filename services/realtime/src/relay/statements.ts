import { type Lsn, parseLsn } from '@tidemark/contracts';
import { identifier, type Pool } from '@tidemark/db';
import { errors } from '../errors.ts';

/** Limit for creating a slot, which waits for all open transactions. */
const CREATE_SLOT_TIMEOUT_MS = 60_000;

export interface SlotFacts {
  confirmedLsn: Lsn;
  /** Whether the WAL that the slot needs is gone. */
  lost: boolean;
}

export async function findSlot(pool: Pool, slot: string): Promise<SlotFacts | undefined> {
  const [row] = await pool.query<{ confirmed: string | null; lost: boolean }>(
    `select confirmed_flush_lsn::text as confirmed, coalesce(wal_status = 'lost', false) as lost
     from pg_replication_slots where slot_name = $1`,
    [slot],
  );
  return row && { confirmedLsn: row.confirmed ? parseLsn(row.confirmed) : 0n, lost: row.lost };
}

/** Creates the slot. From Postgres 17 on, standbys with sync_replication_slots keep a copy of it for a promotion. */
const FAILOVER_SLOTS = 170_000;

/** @throws 42710 where another relay created it meanwhile */
export async function createSlot(pool: Pool, slot: string): Promise<void> {
  const [row] = await pool.query<{ version: number }>(`select current_setting('server_version_num')::int as version`);
  const failover = Number(row?.version) >= FAILOVER_SLOTS ? ', failover => true' : '';
  await pool.query(`select pg_create_logical_replication_slot($1, 'pgoutput'${failover})`, [slot], {
    timeoutMs: CREATE_SLOT_TIMEOUT_MS,
  });
}

export interface SlotUse {
  /** Null where the server has removed the WAL already. */
  retainedBytes: number | null;
  /** max_slot_wal_keep_size; null where it is unlimited. */
  serverLimitBytes: number | null;
  active: boolean;
}

export async function slotUse(pool: Pool, slot: string): Promise<SlotUse | undefined> {
  const [row] = await pool.query<{ retained: string | null; keep: string | null; active: boolean }>(
    `select case when wal_status <> 'lost' then pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end::text as retained,
       (select nullif(setting, '-1')::bigint * 1048576 from pg_settings where name = 'max_slot_wal_keep_size')::text as keep,
       active
     from pg_replication_slots where slot_name = $1`,
    [slot],
  );
  if (!row) return undefined;
  const number = (text: string | null) => (text === null ? null : Number(text));
  return { retainedBytes: number(row.retained), serverLimitBytes: number(row.keep), active: row.active };
}

const UNDEFINED_OBJECT = '42704';
const UNDEFINED_FUNCTION = '42883';
const INSUFFICIENT_PRIVILEGE = '42501';

/** Drops the slot, and ends the process that holds it. */
export async function dropHeldSlot(pool: Pool, slot: string): Promise<void> {
  await pool.query(
    `select pg_terminate_backend(active_pid, 2000) from pg_replication_slots where slot_name = $1 and active_pid is not null`,
    [slot],
  );
  try {
    await dropSlot(pool, slot);
  } catch (error) {
    // Another instance has dropped it.
    if ((error as { code?: string }).code !== UNDEFINED_OBJECT) throw error;
  }
}

/** Slots move their restart_lsn by themselves each 15 s. This needs Postgres 16 and the right to the function. */
export async function logSnapshot(pool: Pool): Promise<void> {
  try {
    await pool.query('select pg_log_standby_snapshot()');
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== UNDEFINED_FUNCTION && code !== INSUFFICIENT_PRIVILEGE) throw error;
  }
}

export async function dropSlot(pool: Pool, slot: string): Promise<void> {
  await pool.query('select pg_drop_replication_slot($1)', [slot]);
}

export async function checkWalLevel(pool: Pool): Promise<void> {
  const [row] = await pool.query<{ value: string }>(`select current_setting('wal_level') as value`);
  if (row && row.value !== 'logical') throw errors.WAL_LEVEL({ value: row.value });
}

export async function checkReplicationRight(pool: Pool): Promise<void> {
  const [row] = await pool.query<{ name: string; may: boolean }>(
    `select rolname as name, rolreplication or rolsuper as may from pg_roles where rolname = current_user`,
  );
  if (row && !row.may) throw errors.NO_REPLICATION({ user: row.name });
}

/** Stored generated columns are included where Postgres can publish them (18 and later). */
export async function ensurePublication(pool: Pool, publication: string): Promise<void> {
  const [found] = await pool.query<{ generated: string | null; ours: boolean }>(
    `select to_jsonb(p) ->> 'pubgencols' as generated, pg_has_role(p.pubowner, 'usage') as ours
     from pg_publication p where p.pubname = $1`,
    [publication],
  );
  const name = identifier(publication);
  if (!found) await pool.query(`create publication ${name} with (publish_via_partition_root = true)`);
  const generated = found ? found.generated : 'n';
  if (generated !== 'n' || found?.ours === false) return;
  const [row] = await pool.query<{ version: number }>(`select current_setting('server_version_num')::int as version`);
  if (Number(row?.version) >= GENERATED_COLUMNS) {
    await pool.query(`alter publication ${name} set (publish_generated_columns = stored)`);
  }
}

const GENERATED_COLUMNS = 180_000;

export interface ServerFacts {
  systemIdentifier: string;
  timeline: number;
  flushedLsn: Lsn;
}

export async function serverFacts(pool: Pool): Promise<ServerFacts> {
  const [row] = await pool.query<{ system: string; timeline: number; flushed: string }>(
    `select (select system_identifier::text from pg_control_system()) as system,
       -- pg_control_checkpoint() knows of a promotion only after the next checkpoint.
       ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int as timeline, pg_current_wal_flush_lsn()::text as flushed`,
  );
  return {
    systemIdentifier: String(row?.system),
    timeline: Number(row?.timeline),
    flushedLsn: parseLsn(String(row?.flushed)),
  };
}

export interface EpochRow {
  epoch: string;
  systemIdentifier: string;
  timeline: number;
}

export async function lastEpoch(pool: Pool): Promise<EpochRow | undefined> {
  const [row] = await pool.query<{ epoch: string; system: string; timeline: number }>(
    `select epoch, system_identifier as system, timeline from tidemark.epochs order by epoch desc limit 1`,
  );
  return row && { epoch: row.epoch, systemIdentifier: row.system, timeline: row.timeline };
}

export async function insertEpoch(pool: Pool, row: EpochRow, reason: string): Promise<void> {
  await pool.query(`insert into tidemark.epochs (epoch, reason, system_identifier, timeline) values ($1, $2, $3, $4)`, [
    row.epoch,
    reason,
    row.systemIdentifier,
    row.timeline,
  ]);
}

/** Writes a message to the WAL, so that an idle slot can move on. */
export async function emitHeartbeat(pool: Pool, prefix: string): Promise<void> {
  await pool.query(`select pg_logical_emit_message(false, $1, '')`, [prefix]);
}
