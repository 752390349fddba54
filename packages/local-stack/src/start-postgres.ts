import { join } from 'node:path';
import { BoundedLog } from './bounded-log.ts';
import { checkDataFolder, initialise, initialiseFast, isEmpty, runSingleUser } from './data-folder.ts';
import { type Passwords, readPasswords } from './home-folder.ts';
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts';
import { PostgresNode, type PostgresOptions } from './postgres-node.ts';
import { reclaimFolder } from './reclaim.ts';
import { REPLICATOR, ReplicaNode } from './replica.ts';
import type { Parts } from './stack-options.ts';

/** This is also the name in pg_stat_replication. */
const REPLICA_SLOT = 'tidemark_replica';

export async function startPostgres(parts: Parts): Promise<void> {
  const { options, folder, user, progress } = parts;
  const binaries = await findPostgres(user, progress);
  const { passwords, fresh } = readPasswords(folder.home);
  const node = (part: 'primary' | 'replica', port: number | undefined): PostgresOptions => ({
    what: `Postgres ${part}`,
    port,
    dataDir: join(folder.data, part),
    log: new BoundedLog(join(folder.data, 'log', `${part}.log`)),
    startSeconds: options.startSeconds ?? 120,
    durable: options.durable ?? true,
    settings: options.postgresSettings ?? {},
    password: passwords.superuser,
    binaries,
    user,
    onProgress: progress,
    onExit: parts.onExit,
  });

  const primary = new PostgresNode(node('primary', options.ports?.primary));
  parts.primary = primary;
  await prepareData(parts, primary.dataDir, binaries, fresh ? passwords : undefined);
  if (options.replica !== false) {
    parts.replica = new ReplicaNode({
      ...node('replica', options.ports?.replica),
      primary,
      replicatorPassword: passwords.replicator,
      slot: REPLICA_SLOT,
    });
    await reclaimFolder(parts.replica.dataDir, 'postgres', progress);
    await parts.replica.copyCold();
  }
  await primary.start();
  await parts.replica?.startFollowing();
}

/** `unknown` are passwords that the server does not have yet. */
async function prepareData(
  parts: Parts,
  dataDir: string,
  binaries: PostgresBinaries,
  unknown: Passwords | undefined,
): Promise<void> {
  const { user, options, progress, folder } = parts;
  const isNew = isEmpty(dataDir);
  if (isNew) {
    progress(`making a new Postgres ${binaries.version} database in ${dataDir}`);
    const passwords = unknown ?? readPasswords(folder.home).passwords;
    const finish = (fresh: string) => runSingleUser(fresh, binaries, user, passwordStatements(passwords));
    if (options.durable ?? true) await initialise(dataDir, binaries, user, true, finish);
    else await initialiseFast(dataDir, binaries, user, finish);
    return;
  }
  checkDataFolder(dataDir, binaries);
  await reclaimFolder(dataDir, 'postgres', progress);
  if (!unknown) return;
  progress('postgres-passwords.json was missing: setting new passwords');
  await runSingleUser(dataDir, binaries, user, passwordStatements(unknown));
}

/** Single-user mode needs one statement a line. Hexadecimal passwords need no escaping. */
function passwordStatements(passwords: Passwords): string[] {
  const create = `create role ${REPLICATOR} login replication`;
  return [
    `alter role postgres password '${passwords.superuser}'`,
    `do $$ begin if to_regrole('${REPLICATOR}') is null then ${create}; end if; end $$`,
    `alter role ${REPLICATOR} password '${passwords.replicator}'`,
  ];
}
