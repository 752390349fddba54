import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './running-processes.ts';
import { canEnter, unprivilegedUser } from './unprivileged-user.ts';

const PREFIX = 'tidemark-tests-';

/**
 * A new home folder for a stack that nobody keeps, `tidemark-tests-<pid>-…` among the temporary files. The folders of
 * processes that are gone (killed before they could tidy up) are removed on the way.
 */
export function temporaryHome(): string {
  const parent = canEnter(unprivilegedUser(), tmpdir()) ? tmpdir() : '/tmp';
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (pid > 0 && !isAlive(pid)) removeIfOurs(join(parent, name));
  }
  return mkdtempSync(join(parent, `${PREFIX}${process.pid}-`));
}

function removeIfOurs(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another user's, or another process is removing it as well: none of our business.
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}
