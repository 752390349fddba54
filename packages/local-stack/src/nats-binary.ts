/** Finds nats-server on PATH; otherwise unpacks Debian's package into a folder, which needs no root and installs nothing. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { errors } from './errors.ts';
import { unpackDebian } from './unpack-debian.ts';
import { asUser, type User } from './unprivileged-user.ts';

export interface NatsBinary {
  path: string;
  version: string;
  /** The unprivileged user, if it can run the server. */
  user: User | undefined;
}

/** Debian's place of the program in its package. */
const PACKAGE_FOLDER = 'usr/sbin';
/** Debian installs servers in folders that are not in the PATH of ordinary users. */
const EXTRA_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** The setting exists since 2.10. */
export function canSyncAlways(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}

/**
 * @param unpackTo the folder for the program of Debian's package, if nats-server is not installed
 * @throws STACK_NATS_MISSING, whose hint is the command for this system; STACK_NATS_TOO_OLD
 */
export async function findNats(
  user: User | undefined,
  unpackTo: string,
  onProgress: (line: string) => void,
  folders: string[] = [...(process.env.PATH ?? '').split(delimiter), ...EXTRA_FOLDERS],
): Promise<NatsBinary> {
  const found = onPath([...folders, join(unpackTo, PACKAGE_FOLDER)]);
  if (found) return describe(found, user);
  const { text, hasApt } = installCommand();
  if (!hasApt) throw errors.NATS_MISSING({ command: text, reason: 'this system has no apt-get' });
  try {
    await unpackDebian('nats-server', unpackTo, onProgress);
  } catch (cause) {
    throw errors.NATS_MISSING({ command: text, reason: (cause as Error).message }, { cause });
  }
  const unpacked = onPath([join(unpackTo, PACKAGE_FOLDER)]);
  if (!unpacked) throw errors.NATS_MISSING({ command: text, reason: 'the package contains no nats-server' });
  return describe(unpacked, user);
}

function onPath(folders: string[]): string | undefined {
  for (const folder of folders) {
    if (!folder.startsWith('/')) continue;
    const candidate = join(folder, 'nats-server');
    try {
      accessSync(candidate, constants.X_OK);
      return realpathSync(candidate);
    } catch {
      // The program is not in this folder.
    }
  }
  return undefined;
}

function describe(path: string, user: User | undefined): NatsBinary {
  const able = user && versionOf(path, user) ? user : undefined;
  const version = versionOf(path, able);
  if (!version) throw errors.NATS_MISSING({ command: installCommand().text, reason: `${path} -v failed` });
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 2 || (major === 2 && minor < 9)) throw errors.NATS_TOO_OLD({ path, version });
  return { path, version, user: able };
}

function versionOf(path: string, user: User | undefined): string | undefined {
  const { stdout } = spawnSync(path, ['-v'], { ...asUser(user), cwd: '/', encoding: 'utf8' });
  return /v?(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
}

export function installCommand(
  platform: string = process.platform,
  has: (program: string) => boolean = isInstalled,
): { text: string; hasApt: boolean } {
  if (platform === 'darwin') return { text: 'brew install nats-server', hasApt: false };
  if (has('apt-get')) return { text: 'sudo apt-get install -y nats-server', hasApt: true };
  if (has('apk')) return { text: 'sudo apk add nats-server', hasApt: false };
  if (has('pacman')) return { text: 'sudo pacman -S nats-server', hasApt: false };
  if (has('zypper')) return { text: 'sudo zypper install nats-server', hasApt: false };
  if (has('nix-env')) return { text: 'nix-env -iA nixpkgs.nats-server', hasApt: false };
  // Fedora and its relatives have no package: use Go, or an rpm of the releases page.
  return { text: 'go install github.com/nats-io/nats-server/v2@v2.11.0', hasApt: false };
}

function isInstalled(program: string): boolean {
  return ['/usr/bin', '/bin', '/sbin', '/usr/sbin', '/usr/local/bin', '/nix/var/nix/profiles/default/bin'].some(
    (folder) => existsSync(join(folder, program)),
  );
}
