/** Downloads a Debian package and unpacks it into a folder, as any user: nothing is installed, and no service starts. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DOWNLOAD_MS = 300_000;

/** The folder takes the place of `/`. Dependencies of the package are not unpacked. */
export async function unpackDebian(name: string, folder: string, onProgress: (line: string) => void): Promise<void> {
  await mkdir(dirname(folder), { recursive: true, mode: 0o755 });
  const fresh = await mkdtemp(join(dirname(folder), 'unpacking-'));
  try {
    onProgress(`downloading Debian's package ${name}`);
    const file = await download(name, fresh, onProgress);
    const root = join(fresh, 'root');
    await run('dpkg-deb', ['-x', file, root]);
    // The umask must not matter, because the user of the server runs the program.
    await chmod(root, 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(root, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function download(name: string, cwd: string, onProgress: (line: string) => void): Promise<string> {
  const fetched = async () => (await readdir(cwd)).find((file) => file.endsWith('.deb'));
  await apt(cwd, ['download', name]).catch(() => undefined);
  if (!(await fetched())) {
    // The system has no package lists, or old ones, and only root may update them: these lists are our own.
    onProgress('downloading the package lists of apt');
    const own = ['-o', `Dir::State=${join(cwd, 'state')}`, '-o', `Dir::Cache=${join(cwd, 'cache')}`];
    const options = [...own, '-o', 'Dir::State::status=/var/lib/dpkg/status'];
    await mkdir(join(cwd, 'state', 'lists', 'partial'), { recursive: true });
    await mkdir(join(cwd, 'cache', 'archives', 'partial'), { recursive: true });
    await apt(cwd, [...options, 'update']);
    await apt(cwd, [...options, 'download', name]);
  }
  return join(cwd, (await fetched()) ?? `${name}.deb`);
}

async function apt(cwd: string, args: string[]): Promise<void> {
  // As root, apt-get would otherwise download as the user _apt, which cannot enter the folder.
  const options = ['-q', '-o', 'APT::Sandbox::User=root'];
  const env = { ...process.env, LC_ALL: 'C' };
  try {
    await run('apt-get', [...options, ...args], { cwd, env, timeout: DOWNLOAD_MS });
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const reason = stderr.trim().split('\n').at(-1) || message;
    throw new Error(`apt-get ${args.at(-2) === 'download' ? 'download' : 'update'} failed: ${reason}`, { cause });
  }
}
