/** An advisory lock lets one process migrate at a time. A file and its row in `tidemark.migrations` commit together; the first
 * time, all files do. */
import { mintEpoch } from '@tidemark/contracts';
import type { PooledConnection } from '../connection/connection.ts';
import { PostgresError } from '../connection/postgres-error.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import { SYSTEM, TIMELINE } from '../failover/epoch.ts';
import { encodeStatement } from '../sql/param.ts';
import { identifier, literal } from '../sql/quote.ts';
import type { Param, Row, Rows } from '../types.ts';
import { AUTHENTICATOR, grantStatements, LOGIN } from './grant-login.ts';
import { type Migration, readMigrations } from './migrations.ts';
import { openOwnConnection } from './own-connection.ts';

/** A number that no other program locks: 'tidemark' read as digits of base 36, cut to 53 bits. */
const LOCK_KEY = '2310466279114';
/** The holder of the lock may be building an index on a large table. */
const LOCK_TIMEOUT_MS = 600_000;
/** Roles belong to the server: databases of one server that migrate at the same time can conflict on them, and then try again. */
const MAX_TRIES = 5;
/** An install holds its rows of roles until it commits, so that of several at once one commits in each round. */
const MAX_INSTALL_TRIES = 20;
const COLLISIONS = new Set(['XX000', '23505', '42710', '40001', '40P01']);

export interface MigrateOptions {
  /** A login of one's own for the gateway, which gets the rights of tidemark_gateway. `authenticator` gets them in any case. */
  login?: string;
  observe?: (event: DbEvent) => void;
  folder?: URL;
}

/** It also mints the first epoch. `applied` lists the files that this call applied; a failure rolls back its file. */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(options.folder);
  const began = performance.now();
  const settings = { lock_timeout: String(LOCK_TIMEOUT_MS) };
  const connection = await openOwnConnection(url, 'migrate', settings).catch((error: Error) => {
    options.observe?.({ type: 'db.connect_failed', pool: 'migrate', error });
    throw error;
  });
  options.observe?.({ type: 'db.connected', pool: 'migrate', ms: performance.now() - began });
  try {
    await query(connection, `select pg_advisory_lock(${LOCK_KEY})`);
    const applied: string[] = [];
    const missing = await missingRoles(connection);
    if (await isNew(connection)) {
      await installAll(connection, migrations);
      applied.push(...migrations.map(({ name }) => name));
    }
    for (const migration of await pending(connection, migrations)) {
      await retryCollisions(connection, MAX_TRIES, migration.name, () => apply(connection, migration));
      applied.push(migration.name);
    }
    for (const role of missing) await markRole(connection, role);
    await grantLogin(connection, AUTHENTICATOR, false);
    if (options.login !== undefined) await grantLogin(connection, options.login, true);
    await mintFirstEpoch(connection);
    return { applied };
  } finally {
    // The lock ends with the session.
    connection.close();
  }
}

async function createTable(connection: PooledConnection): Promise<void> {
  await query(connection, 'create schema if not exists tidemark');
  await query(
    connection,
    `create table if not exists tidemark.migrations (
       name text primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp())`,
  );
}

async function pending(connection: PooledConnection, migrations: readonly Migration[]): Promise<Migration[]> {
  const rows = await query(connection, 'select name, checksum from tidemark.migrations order by name');
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, checksum } of rows) {
    const migration = byName.get(name);
    if (migration === undefined) throw errors.SCHEMA_NEWER({ name, newest: migrations.at(-1)?.name ?? 'none' });
    if (migration.checksum !== checksum) {
      throw errors.MIGRATION_CHANGED({ name, applied: checksum, found: migration.checksum });
    }
    byName.delete(name);
  }
  return [...byName.values()];
}

async function apply(connection: PooledConnection, { name, checksum, sql }: Migration): Promise<void> {
  await connection.script(sql);
  await query(connection, 'insert into tidemark.migrations (name, checksum) values ($1, $2)', [name, checksum]);
}

async function isNew(connection: PooledConnection): Promise<boolean> {
  const [row] = await query(connection, `select to_regclass('tidemark.migrations') is null as is_new`);
  return row?.is_new === true;
}

/** The first time, all files are one transaction: a database that Tidemark cannot work with stays as it was. */
async function installAll(connection: PooledConnection, migrations: readonly Migration[]): Promise<void> {
  let at = '';
  await retryCollisions(
    connection,
    MAX_INSTALL_TRIES,
    () => at,
    async () => {
      await createTable(connection);
      for (const migration of migrations) {
        at = migration.name;
        await apply(connection, migration);
      }
    },
  );
}

/** Runs `work` in a transaction. */
async function retryCollisions(
  connection: PooledConnection,
  maxTries: number,
  name: string | (() => string),
  work: () => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await query(connection, 'begin');
      await work();
      await query(connection, 'commit');
      return;
    } catch (cause) {
      if (cause instanceof PostgresError) await query(connection, 'rollback');
      if (cause instanceof PostgresError && COLLISIONS.has(cause.code) && attempt < maxTries) continue;
      const failed = typeof name === 'string' ? name : name();
      throw errors.MIGRATION_FAILED({ name: failed, reason: (cause as Error).message }, { cause });
    }
  }
}

const ROLES = [
  ...['anon', 'authenticated', 'service_role', 'ops', 'tidemark_none'],
  ...['tidemark_gateway', 'tidemark_realtime', 'tidemark_batch', 'tidemark_metrics'],
];

async function missingRoles(connection: PooledConnection): Promise<string[]> {
  const rows = await query(connection, 'select n::text as name from unnest($1::text[]) n where to_regrole(n) is null', [
    ROLES,
  ]);
  return rows.map(({ name }) => name as string);
}

/** The comment of a role that a migration has created, as infra/postgres/roles.sql writes it: `tidemark remove` drops no other. */
export const CREATED_ROLE = 'created by Tidemark';

async function markRole(connection: PooledConnection, role: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await query(connection, `comment on role ${identifier(role)} is ${literal(CREATED_ROLE)}`);
      return;
    } catch (error) {
      // Another database of this server has created the same role at the same time, and marks it.
      if (error instanceof PostgresError && error.code === '42501') return;
      if (!(error instanceof PostgresError && COLLISIONS.has(error.code) && attempt < MAX_TRIES)) throw error;
    }
  }
}

async function grantLogin(connection: PooledConnection, login: string, isNamed: boolean): Promise<void> {
  const [found] = await query(connection, LOGIN, [login]);
  if (found === undefined && isNamed) throw errors.LOGIN_UNKNOWN({ login });
  if (found === undefined || found.superuser === true) return;
  for (let attempt = 1; ; attempt++) {
    try {
      const [row] = await query(connection, grantStatements(login));
      await connection.script(row?.statements as string);
      return;
    } catch (error) {
      // A login that may not give the rights migrates all the same: the gateway names what it lacks.
      if (error instanceof PostgresError && error.code === '42501' && !isNamed) return;
      if (!(error instanceof PostgresError && COLLISIONS.has(error.code) && attempt < MAX_TRIES)) throw error;
    }
  }
}

async function mintFirstEpoch(connection: PooledConnection): Promise<void> {
  await query(
    connection,
    `insert into tidemark.epochs (epoch, reason, system_identifier, timeline)
     select $1, 'first start', ${SYSTEM}, ${TIMELINE}
     where not exists (select from tidemark.epochs)`,
    [mintEpoch()],
  );
}

function query(connection: PooledConnection, text: string, params: readonly Param[] = []): Promise<Rows<Row>> {
  return connection.send(encodeStatement({ text, params, prepare: false }), 0);
}
