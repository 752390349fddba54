/** The settings that a node starts with. Written anew before each start: our file, not the user's (ALTER SYSTEM stays). */
import { chmod, chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { User } from './unprivileged-user.ts';

export type Settings = Record<string, string | number>;

/** Settings of both nodes; a standby must not have lower limits than its primary. */
export const BASE_SETTINGS: Settings = {
  listen_addresses: '127.0.0.1',
  // No socket file: nothing left behind in /tmp, no path that is too long.
  unix_socket_directories: '',
  wal_level: 'logical',
  shared_preload_libraries: 'pg_stat_statements',
  track_io_timing: 'on',
  max_connections: 200,
  max_wal_senders: 20,
  max_replication_slots: 20,
  hot_standby_feedback: 'on',
  // A replica that stays away for longer is rebuilt; the disk is not filled for it.
  max_slot_wal_keep_size: '2GB',
  // A replica is back within a moment of its primary; the default of 5 s is made for networks.
  wal_retrieve_retry_interval: '200ms',
  // The passwords are 192 random bits: iterations add no safety, only 4 ms to each connection.
  scram_iterations: 1,
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%u@%d ',
};

/** Without durability: a crash of the machine may lose everything, a crash of Postgres still loses nothing. */
const FAST: Settings = {
  fsync: 'off',
  checkpoint_timeout: '1h',
  // The data lies in memory: WAL is bounded to 0.5 GB, and to 1 GB when a slot stands still.
  max_wal_size: '512MB',
  max_slot_wal_keep_size: '1GB',
  // In the data folder, so that a server that is killed for good leaves nothing in /dev/shm.
  dynamic_shared_memory_type: 'mmap',
};

/** Connections from this machine only, each with a password. Physical replication is for the replica's login alone. */
export const HBA = `# type  database     user                 address       method
host    all          all                  127.0.0.1/32  scram-sha-256
host    replication  tidemark_replicator  127.0.0.1/32  scram-sha-256
`;

export interface NodeConfig {
  dataDir: string;
  port: number;
  durable: boolean;
  user: User | undefined;
  /** Settings of the caller, which override ours. */
  settings: Settings;
  /** Settings of the role of the node, such as primary_conninfo. */
  part: Settings;
}

export async function writeConfig(config: NodeConfig): Promise<void> {
  const settings = {
    ...BASE_SETTINGS,
    ...(config.durable ? {} : FAST),
    ...config.settings,
    ...config.part,
    port: config.port,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`);
  const head = '# Written by @tidemark/local-stack before each start. ALTER SYSTEM survives, changes here do not.\n';
  await writeOwned(join(config.dataDir, 'postgresql.conf'), `${head}${lines.join('\n')}\n`, config.user);
  await writeOwned(join(config.dataDir, 'pg_hba.conf'), HBA, config.user);
}

/** Writes a file of the data folder: readable by the server alone, as it may hold a password. */
export async function writeOwned(path: string, text: string, user: User | undefined): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  await chmod(path, 0o600);
  if (user) await chown(path, user.uid, user.gid);
}
