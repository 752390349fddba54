import type { Pool } from '@tidemark/db';
import { createFileRegistry, type FileStore } from '@tidemark/files';
import type { Config } from '../../config.ts';
import type { RouteContext } from '../../context.ts';
import type { GatewayEvent } from '../../events.ts';
import { startOrphanSweep } from './orphan-sweep.ts';

export interface StartFilesOptions {
  readonly config: Config;
  readonly store: FileStore;
  readonly pool: Pool;
  observe(event: GatewayEvent): void;
}

/** Returns the store with its table in Postgres, and starts the sweep of orphaned files. */
export function startFiles(options: StartFilesOptions): { files: RouteContext['files']; stop(): Promise<void> } {
  const { config, store, pool, observe } = options;
  const files = { store, registry: createFileRegistry(pool) };
  const sweep = startOrphanSweep({
    ...files,
    olderThanMs: config.FILES_ORPHAN_AGE_MS,
    onSwept: (swept) => observe({ type: 'gateway.files_swept', ...swept }),
    onError: (error) => observe({ type: 'gateway.files_sweep_failed', error }),
  });
  return {
    files,
    async stop() {
      await sweep.stop();
      await store.close();
    },
  };
}
