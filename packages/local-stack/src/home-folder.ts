/**
 * The data lies in the home (TIDEMARK_HOME, `.tidemark/`), unless we are root and the unprivileged user cannot go
 * there (/root/x): then it is in /var/lib/tidemark/<hash of the home's path>, as `data-folder.txt` says.
 */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { chmod, chown, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { TidemarkError } from '@tidemark/contracts';
import { errors } from './errors.ts';
import { canEnter, serverUserName, type User } from './unprivileged-user.ts';

export interface HomeFolder {
  home: string;
  /** Contains primary/, replica/, nats/ and log/. */
  data: string;
}

const FAR_DATA = '/var/lib/tidemark';
const POINTER = 'data-folder.txt';

export async function openHome(
  wanted: string,
  user: User | undefined,
  onProgress: (line: string) => void,
): Promise<HomeFolder> {
  makeFolder(wanted, user ? 0o711 : 0o700);
  const home = realpathSync(wanted);
  const data = await chooseData(home, user, onProgress);
  makeFolder(data, user ? 0o711 : 0o700);
  makeFolder(join(data, 'log'), 0o700);
  // Processes are found by their working folder, whose path the system gives without links (macOS: /var is one).
  return { home, data: realpathSync(data) };
}

async function chooseData(home: string, user: User | undefined, onProgress: (line: string) => void): Promise<string> {
  if (!user) return home;
  const pointer = join(home, POINTER);
  if (existsSync(pointer)) {
    const recorded = readFileSync(pointer, 'utf8').trim();
    if (recorded.startsWith(`${FAR_DATA}/`)) return recorded;
    throw errors.DATA_DAMAGED({ folder: home, reason: `${pointer} names '${recorded}', not a folder in ${FAR_DATA}` });
  }
  if (canEnter(user, home)) return home;
  // Only the home is changed, not its parents. The x bit allows passing through, not reading; secrets have mode 600.
  await chmod(home, statSync(home).mode | 0o011);
  if (canEnter(user, home)) return home;

  const data = join(FAR_DATA, createHash('sha256').update(home).digest('hex').slice(0, 16));
  await keepPrevious(data, onProgress);
  makeFolder(data, 0o711);
  if (!canEnter(user, data)) {
    throw errors.FOLDER_UNREACHABLE({ folder: data, user: user.name, reason: 'a parent folder does not let it pass' });
  }
  writeFileSync(join(data, 'home.txt'), `${home}\n`, { mode: 0o600 });
  writeFileSync(pointer, `${data}\n`, { mode: 0o600 });
  onProgress(`${home} is out of reach of the user ${user.name}: the data goes to ${data}`);
  return data;
}

/** A user who deletes `.tidemark/` wants to start afresh. The previous data is kept once, in case that was a mistake. */
async function keepPrevious(data: string, onProgress: (line: string) => void): Promise<void> {
  if (!existsSync(data)) return;
  const previous = `${data}.previous`;
  await rm(previous, { recursive: true, force: true });
  await rename(data, previous);
  onProgress(`the home folder was emptied: the data that belonged to it is kept in ${previous}`);
}

function makeFolder(folder: string, mode: number): void {
  try {
    const target = resolve(folder);
    const first = mkdirSync(target, { recursive: true, mode });
    if (first === undefined) return;
    // The umask must not matter, because the server's user must be able to pass through new parents.
    chmodSync(target, mode);
    for (let made = target; made !== first; ) {
      made = dirname(made);
      chmodSync(made, mode);
    }
  } catch (cause) {
    throw folderError('the stack', folder, cause);
  }
}

export function folderError(what: string, folder: string, cause: unknown): Error {
  if (cause instanceof TidemarkError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return errors.DISK_FULL({ what, folder, log: message }, { cause });
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return errors.PERMISSION_DENIED({ what, folder, log: message, owner: serverUserName() }, { cause });
  }
  if (code === undefined) return cause as Error;
  return errors.START_FAILED({ what, folder, log: message }, { cause });
}

/** Postgres requires mode 700. */
export async function makeServerFolder(folder: string, user: User | undefined): Promise<void> {
  makeFolder(folder, 0o700);
  await chmod(folder, 0o700);
  if (user) await chown(folder, user.uid, user.gid);
}

/** A folder belongs to another user when an ordinary user made it, or root restored it. */
export async function adoptFolder(
  folder: string,
  user: User | undefined,
  onProgress: (line: string) => void,
  /** Other users may have written into a folder that belongs to the servers' user already. */
  { always = false }: { always?: boolean } = {},
): Promise<void> {
  if (!user || (!always && statSync(folder).uid === user.uid)) return;
  await promisify(execFile)('chown', ['-R', '-h', `${user.uid}:${user.gid}`, folder]);
  await chmod(folder, 0o700);
  onProgress(`${folder} now belongs to ${user.name}, which the server runs as`);
}

export interface Passwords {
  superuser: string;
  replicator: string;
}

/** The mode is 600. `fresh` means that the server does not have the passwords yet. */
export function readPasswords(home: string): { passwords: Passwords; fresh: boolean } {
  const file = join(home, 'postgres-passwords.json');
  try {
    if (existsSync(file)) {
      const { superuser, replicator } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Passwords>;
      if (superuser && replicator) return { passwords: { superuser, replicator }, fresh: false };
    }
    const secret = () => randomBytes(24).toString('hex');
    const passwords = { superuser: secret(), replicator: secret() };
    writeFileSync(file, `${JSON.stringify(passwords, null, 2)}\n`, { mode: 0o600 });
    return { passwords, fresh: true };
  } catch (cause) {
    if (cause instanceof SyntaxError) throw errors.DATA_DAMAGED({ folder: file, reason: 'it is not JSON' }, { cause });
    throw folderError('the stack', home, cause);
  }
}
