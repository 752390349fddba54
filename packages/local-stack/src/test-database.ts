/** Statements around test databases: made from a template, seen on the replica, dropped with all that hangs on them. */
import { createHash } from 'node:crypto';
import type postgres from 'postgres';
import { errors } from './errors.ts';
import { withClient } from './postgres-node.ts';
import { endWalSender, replayed } from './replica.ts';

/** Seconds that one process waits while another builds the same template. */
const BUILD_SECONDS = 120;
/** Seconds for a new database to appear on the replica; it takes about 30 ms. */
const REPLAY_SECONDS = 30;

/** The database that holds the template of `key`. */
export function templateName(key: string): string {
  return `tpl_${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}

/** The template of `database()` without options. */
const EMPTY = templateName('empty');

export async function createDatabase(
  urls: { primaryUrl: string; replicaUrl: string },
  name: string,
  template: string = EMPTY,
): Promise<void> {
  if (template === EMPTY) await prepareTemplateOnce(urls.primaryUrl, EMPTY, async () => {});
  const there = await withClient(urls.replicaUrl, async (replica) => {
    const connected = replica`select 1`; // The replica connects while the primary copies.
    const lsn = await withClient(urls.primaryUrl, async (sql) => {
      // Copying files beats logging pages as soon as several are made at once (72 against 166 ms for four).
      await sql.unsafe(`create database ${name} template ${template} strategy file_copy`);
      const [row] = await sql`select pg_current_wal_lsn()::text as lsn`;
      return String(row?.lsn);
    });
    await connected;
    return replayed(replica, lsn, REPLAY_SECONDS * 1000);
  });
  if (!there) throw errors.TIMED_OUT({ what: `database ${name} on the replica`, seconds: REPLAY_SECONDS, log: '' });
}

/** Templates that this process has seen whole; at most one for each key that its tests use. */
const seen = new Set<string>();

/** `prepareTemplate`, without asking the server twice. */
export async function prepareTemplateOnce(
  primaryUrl: string,
  name: string,
  build: (name: string) => Promise<void>,
): Promise<void> {
  const key = `${primaryUrl} ${name}`;
  if (seen.has(key)) return;
  await prepareTemplate(primaryUrl, name, build);
  seen.add(key);
}

/** Builds under a name of its own and renames at the end: a template is either whole or absent. */
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
    // No more connections: one of them, or autovacuum's, would keep others from copying it.
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

/** Slots first: a database with one cannot be dropped, and a slot would keep WAL for ever. */
export async function dropDatabase(primaryUrl: string, name: string): Promise<void> {
  await withClient(primaryUrl, async (sql) => {
    if (!(await exists(sql, name))) return;
    // Clients that reconnect in a loop (a relay, a pool) would connect again between the statements.
    await sql.unsafe(`alter database ${name} allow_connections false`);
    const slots = await sql`select slot_name from pg_replication_slots where database = ${name}`;
    for (const { slot_name: slot } of slots) {
      await endWalSender(sql, String(slot));
      // A temporary slot went with its session, hence the second look.
      await sql`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${slot}`;
    }
    await sql.unsafe(`drop database if exists ${name} with (force)`);
  });
}
