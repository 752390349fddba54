/** Programs of Debian packages for tests, unpacked into a folder of their own: nothing is installed, and no server is started. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, makeCached } from './cache-folder.ts';

const run = promisify(execFile);

/**
 * Unpacks the packages, without what they depend on, and returns the folder that stands for `/`. Kept for the next test.
 * @throws with apt-get's own message where there is no apt-get or no such package
 */
export async function unpackDebian(packages: readonly string[]): Promise<string> {
  const parent = join(await cacheFolder(undefined), 'debian');
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const folder = join(parent, packages.join('+'));
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

async function download(packages: readonly string[], cwd: string): Promise<void> {
  // Started by root, apt-get would otherwise write as a user that may not enter the folder.
  const fetchAll = () => run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', ...packages], { cwd });
  try {
    await fetchAll();
  } catch {
    // A fresh container has no package lists; what is wrong otherwise is thrown by the second attempt.
    await run('apt-get', ['update']);
    await fetchAll();
  }
}
