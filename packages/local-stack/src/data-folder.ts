/** Makes, checks and copies data folders of Postgres. A folder gets its name only when it is complete. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { type Dirent, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { chown, copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cacheFolder, flushDisk, isOursAlone, makeCached } from './cache-folder.ts';
import { errors } from './errors.ts';
import { folderError, makeServerFolder } from './home-folder.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { startError } from './postgres-log.ts';
import { asUser, type User } from './unprivileged-user.ts';

/** Size of global/pg_control, fixed since Postgres 8 (PG_CONTROL_FILE_SIZE in catalog/pg_control.h). */
const CONTROL_BYTES = 8192;

/** Without pg_xact a standby starts, but treats every transaction as aborted; without the others it fails late and unclearly. */
const ESSENTIAL = ['base', 'global', 'pg_wal', 'pg_xact', 'pg_multixact'];

export function isEmpty(folder: string): boolean {
  try {
    return !existsSync(folder) || readdirSync(folder).length === 0;
  } catch (cause) {
    throw folderError('Postgres', folder, cause);
  }
}

/** Leaves the checksums to Postgres. @throws STACK_DATA_DAMAGED, STACK_DATA_OTHER_VERSION, STACK_PERMISSION_DENIED */
export function checkDataFolder(folder: string, binaries: PostgresBinaries): void {
  const reason = (text: string) => errors.DATA_DAMAGED({ folder, reason: text });
  const versionFile = join(folder, 'PG_VERSION');
  const control = join(folder, 'global', 'pg_control');
  try {
    if (!statSync(folder).isDirectory()) throw reason('it is not a folder');
    if (!existsSync(versionFile)) throw reason('PG_VERSION is missing');
    const found = readFileSync(versionFile, 'utf8').trim();
    if (!/^\d+(\.\d+)?$/.test(found)) throw reason(`PG_VERSION says '${found.slice(0, 40)}', not a version`);
    if (found !== binaries.major) throw errors.DATA_OTHER_VERSION({ folder, found, expected: binaries.major });
    const missing = ESSENTIAL.find((name) => !existsSync(join(folder, name)));
    if (missing) throw reason(`${missing} is missing`);
    if (!existsSync(control)) throw reason('global/pg_control is missing');
    const { size } = statSync(control);
    if (size !== CONTROL_BYTES) throw reason(`global/pg_control has ${size} bytes, not ${CONTROL_BYTES}`);
  } catch (cause) {
    throw folderError('Postgres', folder, cause);
  }
}

export function systemIdentifier(folder: string): string {
  return readFileSync(join(folder, 'global', 'pg_control'))
    .subarray(0, 8)
    .toString('hex');
}

/** `finish` completes the cluster before the folder gets its name. */
export async function initialise(
  folder: string,
  binaries: PostgresBinaries,
  user: User | undefined,
  durable: boolean,
  finish: (fresh: string) => Promise<void>,
): Promise<void> {
  await inPlace(folder, user, async (fresh) => {
    const args = ['-D', fresh, ...INITDB, ...(durable ? [] : ['--no-sync'])];
    const { code, output } = await run(binaries.initdb, args, '', user, fresh);
    if (code === 0) return finish(fresh);
    throw startError({ what: 'initdb', folder, log: output.slice(-4096), port: 0, holder: () => '' });
  });
}

/**
 * Copies a cluster from the cache folder: 0.2 s instead of 1.2. It is for tests only: all have one system identifier.
 */
export async function initialiseFast(
  folder: string,
  binaries: PostgresBinaries,
  user: User | undefined,
  finish: (fresh: string) => Promise<void>,
): Promise<void> {
  const key = createHash('sha256').update(INITDB.join(' ')).digest('hex').slice(0, 8);
  const cached = join(await cacheFolder(user), `cluster-${binaries.version}-${key}`);
  const usable = (cluster: string) => isOursAlone(cluster) && existsSync(join(cluster, 'PG_VERSION'));
  if (usable(cached)) return copyDataFolder(cached, folder, { user, withWal: true, durable: false }, finish);
  await initialise(folder, binaries, user, false, async (fresh) => {
    await makeCached(cached, usable, (target) => copyContents(fresh, target, undefined, new Set(EMPTIED)));
    await finish(fresh);
  });
}

/** The class serves full-text search; macOS has no C.UTF-8, but an equal one under another name. */
const CTYPE = process.platform === 'darwin' ? 'UTF-8' : 'C.UTF-8';

const INITDB = [
  '--username=postgres',
  '--encoding=UTF8',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--lc-collate=C',
  `--lc-ctype=${CTYPE}`,
  '--lc-messages=C',
  '--text-search-config=english',
  // The passwords are set before the first start, and we write pg_hba.conf, so `trust` never takes effect.
  '--auth=trust',
  '--no-instructions',
];

/** Each line is a statement; neither network nor password is needed. */
export async function runSingleUser(
  folder: string,
  binaries: PostgresBinaries,
  user: User | undefined,
  statements: string[],
): Promise<void> {
  const args = ['--single', '-D', folder, '-c', 'shared_preload_libraries=', 'postgres'];
  const { code, output } = await run(binaries.postgres, args, `${statements.join('\n')}\n`, user, folder);
  if (code === 0 && !/^.*(ERROR|FATAL|PANIC): .*/m.test(output)) return;
  throw startError({ what: 'Postgres (single-user)', folder, log: output.slice(-4096), port: 0, holder: () => '' });
}

function run(
  command: string,
  args: string[],
  input: string,
  user: User | undefined,
  folder: string,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' };
    const child = spawn(command, args, { ...asUser(user), cwd: '/', env });
    let output = '';
    const gather = (chunk: Buffer) => {
      output = (output + chunk).slice(-65_536);
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    child.once('error', (cause) => reject(folderError(basename(command), folder, cause)));
    child.once('close', (code) => resolve({ code, output }));
    child.stdin.on('error', () => {}); // EPIPE when the process ended early; its exit code tells why.
    child.stdin.end(input);
  });
}

/** Folders that a copy of a data folder leaves empty ("Making a Base Backup" in the manual of Postgres). */
const EMPTIED = ['pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'];
const LEFT_OUT =
  /^(postmaster\.(pid|opts)|pg_internal\.init.*|pgsql_tmp.*|backup_label.*|tablespace_map.*|standby\.signal)$/;

export interface CopyOptions {
  user: User | undefined;
  /** True only for a stopped source; the WAL of a running one arrives by streaming. */
  withWal: boolean;
  durable: boolean;
}

/** The source may be running. `finish` completes the copy before it gets its name. */
export async function copyDataFolder(
  from: string,
  to: string,
  { user, withWal, durable }: CopyOptions,
  finish: (fresh: string) => Promise<void>,
): Promise<void> {
  const emptied = new Set(withWal ? EMPTIED : [...EMPTIED, 'pg_wal']);
  await inPlace(to, user, async (fresh) => {
    await copyContents(from, fresh, user, emptied);
    await finish(fresh);
    if (durable) await flushDisk();
  });
}

/** The thread pool of Node handles four. */
const AT_ONCE = 16;

async function copyContents(from: string, to: string, user: User | undefined, emptied: Set<string>): Promise<void> {
  const copy = async (entry: Dirent) => {
    const path = join(to, entry.name);
    if (entry.isDirectory()) {
      await mkdir(path, { mode: 0o700 });
      if (!emptied.has(entry.name)) await copyContents(join(from, entry.name), path, user, NONE);
    } else if (!entry.isFile() || !(await copyIfThere(join(from, entry.name), path))) return;
    if (user) await chown(path, user.uid, user.gid);
  };
  const entries = (await entriesOf(from)).filter((entry) => !LEFT_OUT.test(entry.name));
  while (entries.length > 0) await Promise.all(entries.splice(-AT_ONCE).map(copy));
}

const NONE = new Set<string>();

/** Files that a running Postgres removes meanwhile may be missing: replay of the WAL makes up for them. */
async function copyIfThere(from: string, to: string): Promise<boolean> {
  return (await unlessGone(copyFile(from, to).then(() => true))) ?? false;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return (await unlessGone(readdir(folder, { withFileTypes: true }))) ?? [];
}

async function unlessGone<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Calls `fill` with a folder beside `folder`, and renames it to `folder` when that succeeds. The previous content is removed. */
async function inPlace(folder: string, user: User | undefined, fill: (fresh: string) => Promise<void>): Promise<void> {
  const fresh = join(dirname(folder), `${basename(folder)}.new`);
  try {
    await rm(fresh, { recursive: true, force: true });
    await makeServerFolder(fresh, user);
    await fill(fresh);
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    throw folderError('Postgres', folder, cause);
  }
}
