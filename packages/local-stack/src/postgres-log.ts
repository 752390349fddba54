/** Explains the log of a failed start. No other file reads texts of Postgres or NATS. */
import { errors } from './errors.ts';
import { serverUserName } from './unprivileged-user.ts';

export interface FailedStart {
  what: string;
  folder: string;
  log: string;
  port: number;
  /** Called only when the log says that the port is in use. */
  holder: () => string;
}

export function startError(failed: FailedStart): Error {
  const { what, folder, log, port } = failed;
  if (/address already in use/i.test(log)) return errors.PORT_IN_USE({ what, port, holder: failed.holder() });
  if (saysDiskFull(log)) return errors.DISK_FULL({ what, folder, log });
  if (/Permission denied|Read-only file system|has wrong ownership|has invalid permissions/i.test(log)) {
    return errors.PERMISSION_DENIED({ what, folder, log, owner: serverUserName() });
  }
  if (/Cannot allocate memory|could not map anonymous shared memory|out of memory/i.test(log)) {
    return errors.OUT_OF_MEMORY({ what, folder, log });
  }
  const damage = DAMAGE.exec(log);
  if (damage) return errors.DATA_DAMAGED({ folder, reason: `${what} says: ${damage[0].trim()}` });
  return errors.START_FAILED({ what, folder, log });
}

const DAMAGE = new RegExp(
  [
    'incorrect checksum in control file',
    'could not locate a valid checkpoint record.*',
    'could not (?:open|read) file "global/[^"]*".*',
    'could not open directory "[^"]*".*',
    'is not a valid data directory',
    'database files are incompatible with server',
    'invalid checkpoint record',
    'control file contains invalid.*',
    'PANIC:.*',
  ].join('|'),
  'i',
);

/** The line is often missing, because the log has no space either. */
export function saysDiskFull(log: string): boolean {
  return /No space left on device|Disk quota exceeded/i.test(log);
}

/** Backends of a killed postmaster still have its memory; they end by themselves in a moment. */
export function isStillHeld(log: string): boolean {
  return /pre-existing shared memory block|lock file "postmaster\.pid" already exists/i.test(log);
}

const CANNOT_FOLLOW = new RegExp(
  [
    'requested WAL segment \\S+ has already been removed',
    'requested starting point .* is ahead of the WAL flush position',
    'is not in this server.s history',
    'highest timeline \\d+ of the primary is behind recovery timeline',
    'database system identifier differs',
    'can no longer (?:get changes from|access) replication slot',
    'requested timeline \\d+ is not a child of this server.s history',
    'replication slot "[^"]*" does not exist',
    'new timeline \\d+ forked off current database system timeline',
  ].join('|'),
  'i',
);

export function cannotFollow(log: string): string | undefined {
  return CANNOT_FOLLOW.exec(log)?.[0];
}
