/** The configuration of a node, written before each start. Settings of ALTER SYSTEM stay. */
import { chmod, chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { User } from './unprivileged-user.ts';

export type Settings = Record<string, string | number>;

/** Settings of both nodes; a standby must not have lower limits than its primary. */
export const BASE_SETTINGS: Settings = {
  listen_addresses: '127.0.0.1',
  // Without a socket file nothing is left in /tmp, and no path is too long.
  unix_socket_directories: '',
  wal_level: 'logical',
  shared_preload_libraries: 'pg_stat_statements',
  track_io_timing: 'on',
  max_connections: 200,
  max_wal_senders: 20,
  max_replication_slots: 20,
  hot_standby_feedback: 'on',
  // A replica that is away for longer is rebuilt, so that its WAL does not fill the disk.
  max_slot_wal_keep_size: '2GB',
  // A local replica reconnects at once; the default of 5 s is for networks.
  wal_retrieve_retry_interval: '200ms',
  // More iterations would not help passwords of 192 random bits, but cost 4 ms for each connection.
  scram_iterations: 1,
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%u@%d ',
};

/** Settings without durability: a crash of the machine may lose everything, a crash of Postgres loses nothing. */
const FAST: Settings = {
  fsync: 'off',
  checkpoint_timeout: '1h',
  // The data is in memory.
  max_wal_size: '512MB',
  max_slot_wal_keep_size: '1GB',
  // Shared memory in the data folder leaves nothing in /dev/shm when the server is killed.
  dynamic_shared_memory_type: 'mmap',
};

/** Only this machine may connect, with a password. Only the login of the replica may use physical replication. */
export const HBA = `# type  database     user                 address       method
host    all          all                  127.0.0.1/32  scram-sha-256
host    replication  tidemark_replicator  127.0.0.1/32  scram-sha-256
`;

export interface NodeConfig {
  dataDir: string;
  port: number;
  durable: boolean;
  user: User | undefined;
  settings: Settings;
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

/** The file may contain a password. */
export async function writeOwned(path: string, text: string, user: User | undefined): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  await chmod(path, 0o600);
  if (user) await chown(path, user.uid, user.gid);
}
