/**
 * The home is for its owner alone, also where an earlier release was lax. TIDEMARK_HOME may name a folder that holds
 * others' files, so only Tidemark's own are touched.
 */
import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SECRET_MODE } from './secret-file.ts';

const PRIVATE_FOLDER = 0o700;
/** Servers started by root run as another user, who must pass through the home to the data, and need not list it. */
const PASSABLE_FOLDER = 0o711;
const OWN_FILE =
  /^(credentials\.json|jwt-secret|postgres-passwords\.json|postgres-roles\.json|data-folder\.txt|stack\.lock)(\.\w+)*$/;
const OWN_FOLDER = /^(files|log|logs|nats|primary|replica(\.promoted-.*)?)$/;
/** Data folders belong to their servers. */
const LOG_FOLDERS = ['logs', 'log'];
const OWN_LOG = /\.log(\.1)?$/;

export async function preparePrivateHome(home: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: PRIVATE_FOLDER });
  const entries = await readdir(home, { withFileTypes: true });
  const isOurs = entries.every((entry) => (entry.isDirectory() ? OWN_FOLDER : OWN_FILE).test(entry.name));
  const { mode } = await stat(home);
  if (isOurs) await chmod(home, mode & (process.getuid?.() === 0 ? PASSABLE_FOLDER : PRIVATE_FOLDER));
  for (const entry of entries)
    if (entry.isFile() && OWN_FILE.test(entry.name)) await tightenFile(join(home, entry.name));
  for (const name of LOG_FOLDERS) {
    const folder = join(home, name);
    const isNew = (await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER })) !== undefined;
    if (isNew) continue;
    const logs = await readdir(folder, { withFileTypes: true });
    if (!logs.every((log) => log.isFile() && OWN_LOG.test(log.name))) continue;
    for (const log of logs) await tightenFile(join(folder, log.name));
    await chmod(folder, PRIVATE_FOLDER);
  }
}

async function tightenFile(path: string): Promise<void> {
  try {
    await chmod(path, SECRET_MODE);
  } catch (error) {
    // The lock file of another process may disappear meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
