import { defineErrors, row } from '@tidemark/contracts';

interface Failure {
  what: string;
  folder: string;
  log: string;
}

export const errors = defineErrors('STACK', {
  UNSUPPORTED_PLATFORM: row<{ platform: string }>({
    status: 500,
    message: (p) => `there are no Postgres binaries for ${p.platform}`,
    hint: 'Use Linux or macOS on x64 or arm64, or set DATABASE_URL (and NATS_URL) to servers of your own.',
  }),
  BINARIES_MISSING: row<{ name: string; reason: string }>({
    status: 500,
    message: (p) => `the Postgres binaries of ${p.name} cannot be used: ${p.reason}`,
    hint: 'Install again with optional dependencies: rm -rf node_modules && npx pnpm install (without --no-optional).',
  }),
  NO_UNPRIVILEGED_USER: row<{ tried: string }>({
    status: 500,
    message: (p) =>
      `Postgres refuses to run as root, and there is no unprivileged user to run it as (tried ${p.tried})`,
    hint: 'Create one: useradd --system --no-create-home tidemark. Or start as an ordinary user.',
  }),
  FOLDER_UNREACHABLE: row<{ folder: string; user: string; reason: string }>({
    status: 500,
    message: (p) => `${p.folder} cannot be used by the user ${p.user} that Postgres runs as: ${p.reason}`,
    hint: (p) =>
      `Set TIDEMARK_HOME to a folder whose parents ${p.user} may pass through, for example /var/lib/tidemark.`,
  }),
  PERMISSION_DENIED: row<Failure & { owner: string }>({
    status: 500,
    message: (p) => `${p.what} was refused access to ${p.folder}`,
    details: (p) => p.log || 'no output',
    hint: (p) =>
      `Give it to the user that the servers run as (sudo chown -R ${p.owner} '${p.folder}'), or choose another TIDEMARK_HOME.`,
  }),
  DISK_FULL: row<Failure>({
    status: 507,
    message: (p) => `${p.what} stopped because there is no space left for ${p.folder}`,
    details: (p) => p.log || 'no output',
    hint: (p) => `Free space on the disk (df -h ${p.folder}), or set TIDEMARK_HOME to a folder on another one.`,
  }),
  OUT_OF_MEMORY: row<Failure>({
    status: 500,
    message: (p) => `${p.what} was refused the memory that it asked for (data in ${p.folder})`,
    details: (p) => p.log || 'no output',
    hint: 'Free memory, raise the limit of the container (also --shm-size), or lower shared_buffers in postgresSettings.',
  }),
  DATA_DAMAGED: row<{ folder: string; reason: string }>({
    status: 500,
    message: (p) => `the data folder ${p.folder} cannot be used: ${p.reason}`,
    hint: (p) =>
      `Put a backup in its place, or move it away and start empty: mv '${p.folder}' '${p.folder}.damaged'. Nothing was changed in it.`,
  }),
  DATA_OTHER_VERSION: row<{ folder: string; found: string; expected: string }>({
    status: 500,
    message: (p) => `the data folder ${p.folder} was made by Postgres ${p.found}, the binaries here are ${p.expected}`,
    hint: (p) =>
      `Dump it with Postgres ${p.found} and load it again, or move it away and start empty: mv '${p.folder}' '${p.folder}.v${p.found}'.`,
  }),
  DATA_IN_USE: row<{ folder: string; pid: number; command: string }>({
    status: 409,
    message: (p) => `${p.folder} is in use by process ${p.pid} (${p.command}), which is still running`,
    hint: (p) => `Stop that one first (kill ${p.pid}), or set TIDEMARK_HOME to another folder for a second stack.`,
  }),
  PORT_IN_USE: row<{ what: string; port: number; holder: string }>({
    status: 409,
    message: (p) => `port ${p.port} for ${p.what} is in use${p.holder ? ` by ${p.holder}` : ''}`,
    hint: (p) => `Stop what holds port ${p.port}, or choose another port for ${p.what} (0 or none takes a free one).`,
  }),
  NATS_MISSING: row<{ command: string; reason: string }>({
    status: 500,
    message: (p) => `nats-server is not on PATH and could not be downloaded: ${p.reason}`,
    hint: (p) => `Install it with: ${p.command}. Or set NATS_URL to a NATS server with JetStream of your own.`,
  }),
  NATS_TOO_OLD: row<{ path: string; version: string }>({
    status: 500,
    message: (p) => `${p.path} is version ${p.version}; 2.9 is the least that works`,
    hint: 'Install a newer nats-server (https://github.com/nats-io/nats-server/releases) earlier on PATH, or set NATS_URL.',
  }),
  START_FAILED: row<Failure>({
    status: 500,
    message: (p) => `${p.what} did not start (data in ${p.folder})`,
    details: (p) => p.log || 'it wrote nothing before it ended',
    hint: 'The last lines of its log are in the details; the whole log is in the log folder of TIDEMARK_HOME.',
  }),
  NOT_RUNNING: row<{ what: string; action: string }>({
    status: 409,
    message: (p) => `${p.what} is not running, so it cannot ${p.action}`,
    hint: 'Call start() first.',
  }),
  ALREADY_RUNNING: row<{ what: string; pid: number }>({
    status: 409,
    message: (p) => `${p.what} is already running as process ${p.pid}`,
    hint: 'Call stop() or kill() before start().',
  }),
  TIMED_OUT: row<{ what: string; seconds: number; log: string }>({
    status: 504,
    message: (p) => `${p.what} did not happen within ${p.seconds} s`,
    details: (p) => p.log || 'no output',
    hint: 'If the machine is only slow, start again. Otherwise the log in the details says what it waits for.',
  }),
  TABLESPACES: row<{ folder: string }>({
    status: 501,
    message: (p) =>
      `the primary in ${p.folder} has tablespaces outside its data folder, which a replica here cannot copy`,
    hint: 'Drop the tablespaces, or use your own Postgres through DATABASE_URL and DATABASE_REPLICA_URLS.',
  }),
});
