import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, makeCached } from '@tidemark/local-stack';

const run = promisify(execFile);

/** The folder takes the place of `/` and is kept for later tests. Dependencies are not unpacked. */
export async function unpackDebian(packages: readonly string[]): Promise<string> {
  const parent = join(await cacheFolder(undefined), 'debian');
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const folder = join(parent, folderName(packages));
  if (existsSync(folder)) return folder;
  await makeCached(folder, existsSync, async (fresh) => {
    await download(packages, fresh);
    for (const file of await readdir(fresh)) {
      await run('dpkg-deb', ['-x', join(fresh, file), fresh]);
      await rm(join(fresh, file));
    }
  });
  return folder;
}

/** A file system takes names of at most 255 bytes. */
function folderName(packages: readonly string[]): string {
  const name = packages.join('+');
  return name.length <= 200 ? name : `${packages[0]}+${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

/** The environment lets the program find the libraries of the packages. */
export async function debianProgram(
  packages: readonly string[],
  program: string,
): Promise<{ path: string; env: NodeJS.ProcessEnv }> {
  const folder = await unpackDebian(packages);
  const platform = arch() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const libraries = ['usr/lib', 'lib'].map((parent) => join(folder, parent, platform)).join(':');
  return { path: join(folder, program), env: { ...process.env, LD_LIBRARY_PATH: libraries } };
}

async function download(packages: readonly string[], cwd: string): Promise<void> {
  // As root, apt-get would otherwise download as the user _apt, which cannot enter the folder.
  const fetchAll = () => run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', ...packages], { cwd });
  try {
    await fetchAll();
  } catch {
    // A new container has no package lists. The second attempt throws any other error again.
    await run('apt-get', ['update']);
    await fetchAll();
  }
}
