/** Deletes what crashed uploads and deleted rows have left in the store, now and every hour. */
import type { FileRegistry, FileStore } from '@tidemark/files';

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
  const sweep = async () => {
    if (isSweeping) return;
    isSweeping = true;
    try {
      const temporary = await store.sweepTemporary(olderThanMs);
      const orphans = await store.sweepOrphans(olderThanMs, (keys) => registry.referenced(keys));
      if (temporary + orphans > 0) onSwept({ temporary, orphans });
    } catch (error) {
      onError(error as Error);
    } finally {
      isSweeping = false;
    }
  };
  const start = () => {
    running = sweep();
  };
  start();
  const timer = setInterval(start, EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      return running;
    },
  };
}
