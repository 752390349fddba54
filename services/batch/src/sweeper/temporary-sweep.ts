import type { FileStore } from '@tidemark/files';
import { every } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';

const EVERY_MS = 60 * 60 * 1_000;
/** ms since the last write of a file, far longer than any upload takes. */
const OLDER_THAN_MS = 24 * 60 * 60 * 1_000;

/** Interrupted uploads and results leave temporary files in the store. */
export function startTemporarySweep(store: FileStore, observe: (event: BatchEvent) => void): { stop(): void } {
  const sweep = async () => {
    try {
      await store.sweepTemporary(OLDER_THAN_MS);
    } catch (error) {
      observe({ type: 'sweep.failed', step: 'temporary files', error: error as Error });
    }
  };
  const timer = every('temporary files', EVERY_MS, sweep, observe);
  timer.now();
  return { stop: timer.stop };
}
