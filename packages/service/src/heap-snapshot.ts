/**
 * Writes the heap of this process to a file. It has every secret and row that the process knows, so that the file is in a folder
 * that only its user can open, and is deleted after a day.
 */
import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics, writeHeapSnapshot } from 'node:v8';
import type { SnapshotFile } from '@tidemark/contracts';
import { processErrors } from './errors.ts';

const KEPT_MS = 24 * 3_600_000;
const LOOK_MS = 3_600_000;
/** V8 builds the graph of all objects in memory before it writes them. */
const MEMORY_FACTOR = 2;
const SUFFIX = '.heapsnapshot';

export interface HeapSnapshots {
  /** It stops the process for about a second for each 100 MB. @throws PROCESS_MEMORY, PROCESS_FOLDER */
  write(instance: string): Promise<SnapshotFile>;
  stop(): void;
}

export interface HeapSnapshotOptions {
  folder?: string;
  availableBytes?: () => number;
  now?: () => number;
}

const uid = process.getuid?.() ?? 0;

export function keepHeapSnapshots(options: HeapSnapshotOptions = {}): HeapSnapshots {
  const { folder = join(tmpdir(), `tidemark-heap-${uid}`), now = Date.now } = options;
  const availableBytes = options.availableBytes ?? (() => process.availableMemory());
  // A file of an earlier process expires as well. Nothing is there to delete where the folder is missing.
  const purge = () => deleteOld(folder, now() - KEPT_MS).catch(() => undefined);
  void purge();
  const timer = setInterval(purge, LOOK_MS);
  timer.unref();
  return {
    stop: () => clearInterval(timer),
    async write(instance) {
      const needed = getHeapStatistics().total_heap_size * MEMORY_FACTOR;
      const available = availableBytes();
      if (needed > available) throw processErrors.MEMORY({ needed, available });
      await preparePrivate(folder);
      await purge();
      const name = `${instance.replace(/[^\w.-]/g, '_')}-${randomBytes(6).toString('hex')}${SUFFIX}`;
      const path = writeHeapSnapshot(join(folder, name));
      await chmod(path, 0o600);
      return { path, bytes: (await stat(path)).size, expiresAt: now() + KEPT_MS };
    },
  };
}

/** Another user may have made a folder of this name in the shared folder for temporary files. */
async function preparePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) throw processErrors.FOLDER({ folder });
}

async function deleteOld(folder: string, before: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(SUFFIX)) continue;
    const path = join(folder, name);
    if ((await stat(path)).mtimeMs < before) await rm(path, { force: true });
  }
}
