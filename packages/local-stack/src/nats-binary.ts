/** Finds nats-server: in PATH, else by installing the package of the distribution if allowed; else the error names the command. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { errors } from './errors.ts';
import { asUser, type User } from './unprivileged-user.ts';

export interface NatsBinary {
  path: string;
  version: string;
  /** The unprivileged user, if it can run the server. */
  user: User | undefined;
}

const INSTALL_SECONDS = 300;
/** Debian installs servers in folders that are not in the PATH of ordinary users. */
const EXTRA_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** The setting exists since 2.10. */
export function canSyncAlways(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}

export async function findNats(
  user: User | undefined,
  onProgress: (line: string) => void,
  folders: string[] = [...(process.env.PATH ?? '').split(delimiter), ...EXTRA_FOLDERS],
): Promise<NatsBinary> {
  const found = onPath(folders);
  if (found) return describe(found, user);
  const installer = installCommand();
  if (!installer.automatic || process.getuid?.() !== 0) {
    const reason = installer.automatic ? 'that takes root' : 'this system has no apt-get';
    throw errors.NATS_MISSING({ command: installer.text, reason });
  }
  onProgress('nats-server is not installed: apt-get install nats-server');
  await aptInstall(installer.text, onProgress);
  const installed = onPath(folders);
  if (!installed) throw errors.NATS_MISSING({ command: installer.text, reason: 'the package brought no nats-server' });
  return describe(installed, user);
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
): { text: string; automatic: boolean } {
  if (platform === 'darwin') return { text: 'brew install nats-server', automatic: false };
  if (has('apt-get')) return { text: 'sudo apt-get install -y nats-server', automatic: true };
  if (has('apk')) return { text: 'sudo apk add nats-server', automatic: false };
  if (has('pacman')) return { text: 'sudo pacman -S nats-server', automatic: false };
  if (has('zypper')) return { text: 'sudo zypper install nats-server', automatic: false };
  if (has('nix-env')) return { text: 'nix-env -iA nixpkgs.nats-server', automatic: false };
  // Fedora and its relatives have no package: use Go, or an rpm of the releases page.
  return { text: 'go install github.com/nats-io/nats-server/v2@v2.11.0', automatic: false };
}

function isInstalled(program: string): boolean {
  return ['/usr/bin', '/bin', '/sbin', '/usr/sbin', '/usr/local/bin', '/nix/var/nix/profiles/default/bin'].some(
    (folder) => existsSync(join(folder, program)),
  );
}

async function aptInstall(command: string, onProgress: (line: string) => void): Promise<void> {
  const install = ['install', '-y', '--no-install-recommends', 'nats-server'];
  const first = await apt(install, onProgress);
  if (first.code === 0) return;
  const update = await apt(['update'], onProgress);
  const second = update.code === 0 ? await apt(install, onProgress) : update;
  if (second.code === 0) return;
  throw errors.NATS_MISSING({ command, reason: `apt-get ended with ${second.code}: ${second.last}` });
}

function apt(args: string[], onProgress: (line: string) => void): Promise<{ code: number | null; last: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
    const options = ['-q', '-o', 'DPkg::Lock::Timeout=60'];
    const child = spawn('apt-get', [...options, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGTERM'), INSTALL_SECONDS * 1000);
    let last = 'it could not be run';
    const gather = (chunk: Buffer) => {
      for (const line of String(chunk).split('\n').filter(Boolean)) {
        last = line;
        onProgress(`apt-get: ${line}`);
      }
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ code: null, last: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, last });
    });
  });
}
