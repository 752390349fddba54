import { createHash } from 'node:crypto';
import { endWalSender, replayed, withClient } from '@tidemark/local-stack';
import type postgres from 'postgres';
import { errors } from './errors.ts';

/** Seconds that a process waits while another builds the same template. */
const BUILD_SECONDS = 120;
/** Seconds until a new database must be on the replica; it takes about 30 ms. */
const REPLAY_SECONDS = 30;

export function templateName(key: string): string {
  return `tpl_${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}

const EMPTY = templateName('empty');

export async function createDatabase(
  urls: { primaryUrl: string; replicaUrl: string },
  name: string,
  template: string = EMPTY,
): Promise<void> {
  if (template === EMPTY) await prepareTemplateOnce(urls.primaryUrl, EMPTY, async () => {});
  const isReplayed = await withClient(urls.replicaUrl, async (replica) => {
    const connected = replica`select 1`; // The connection opens while the primary copies.
    const lsn = await withClient(urls.primaryUrl, async (sql) => {
      // Copying files beats logging pages as soon as several are made at once (72 against 166 ms for four).
      await sql.unsafe(`create database ${name} template ${template} strategy file_copy`);
      const [row] = await sql`select pg_current_wal_lsn()::text as lsn`;
      return String(row?.lsn);
    });
    await connected;
    return replayed(replica, lsn, REPLAY_SECONDS * 1000);
  });
  if (!isReplayed) throw errors.REPLICA_BEHIND({ database: name, seconds: REPLAY_SECONDS });
}

const complete = new Set<string>();

export async function prepareTemplateOnce(
  primaryUrl: string,
  name: string,
  build: (name: string) => Promise<void>,
): Promise<void> {
  const key = `${primaryUrl} ${name}`;
  if (complete.has(key)) return;
  await prepareTemplate(primaryUrl, name, build);
  complete.add(key);
}

/** The name is the final one only at the end, so a template is complete or absent. */
async function prepareTemplate(
  primaryUrl: string,
  name: string,
  build: (name: string) => Promise<void>,
): Promise<void> {
  await withClient(primaryUrl, async (sql) => {
    if (await exists(sql, name)) return;
    await sql.unsafe(`set lock_timeout = '${BUILD_SECONDS}s'`);
    await sql`select pg_advisory_lock(hashtextextended(${name}, 0))`;
    if (await exists(sql, name)) return;
    const building = `${name}_building`;
    await sql.unsafe(`drop database if exists ${building} with (force)`);
    await sql.unsafe(`create database ${building} template template0 strategy file_copy`);
    await build(building);
    // A connection, also one of autovacuum, would prevent copying the template.
    await sql.unsafe(`alter database ${building} allow_connections false`);
    await endSessions(sql, building);
    await sql.unsafe(`alter database ${building} rename to ${name}`);
  });
}

async function exists(sql: postgres.Sql, name: string): Promise<boolean> {
  return (await sql`select from pg_database where datname = ${name}`).length > 0;
}

async function endSessions(sql: postgres.Sql, name: string): Promise<void> {
  await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name}`;
}

/** Drops the slots first: a database with a slot cannot be dropped, and a slot retains WAL. */
export async function dropDatabase(primaryUrl: string, name: string): Promise<void> {
  await withClient(primaryUrl, async (sql) => {
    if (!(await exists(sql, name))) return;
    // A relay or pool that reconnects in a loop would otherwise connect again between the statements.
    await sql.unsafe(`alter database ${name} allow_connections false`);
    const slots = await sql`select slot_name from pg_replication_slots where database = ${name}`;
    for (const { slot_name: slot } of slots) {
      await endWalSender(sql, String(slot));
      // A temporary slot ends with its session, so the statement checks that the slot still exists.
      await sql`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${slot}`;
    }
    await sql.unsafe(`drop database if exists ${name} with (force)`);
  });
}
