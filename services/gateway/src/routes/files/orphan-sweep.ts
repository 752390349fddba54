/** Deletes files in the store that crashed uploads and deleted rows have left, at the start and every hour. */
import type { FileRegistry, FileStore } from '@tidemark/files';
import { every } from '@tidemark/service';

const EVERY_MS = 60 * 60 * 1_000;

export interface OrphanSweepOptions {
  store: FileStore;
  registry: FileRegistry;
  olderThanMs: number;
  onSwept(swept: { temporary: number; orphans: number }): void;
  onError(error: Error): void;
}

export function startOrphanSweep(options: OrphanSweepOptions): { stop(): Promise<void> } {
  const { store, registry, olderThanMs, onSwept, onError } = options;
  let running: Promise<void> = Promise.resolve();
  let isSweeping = false;
  let isStopped = false;
  // Once stopped, every key counts as referenced: the rest of the sweep deletes nothing and runs no query.
  const referenced = (keys: string[]) => (isStopped ? Promise.resolve(new Set(keys)) : registry.referenced(keys));
  const sweep = async () => {
    if (isSweeping) return;
    isSweeping = true;
    // Two attempts: a server that cannot list uploads can still list objects.
    const temporary = await attempt(() => store.sweepTemporary(olderThanMs));
    const orphans = await attempt(() => store.sweepOrphans(olderThanMs, referenced));
    if (temporary + orphans > 0) onSwept({ temporary, orphans });
    isSweeping = false;
  };
  const attempt = async (sweepOne: () => Promise<number>): Promise<number> => {
    try {
      return await sweepOne();
    } catch (error) {
      onError(error as Error);
      return 0;
    }
  };
  const start = () => {
    running = sweep();
  };
  start();
  const timer = every('orphaned files', EVERY_MS, start, ({ error }) => onError(error));
  return {
    stop() {
      isStopped = true;
      timer.stop();
      return running;
    },
  };
}
