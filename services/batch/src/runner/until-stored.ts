import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '@tidemark/contracts';
import type { BatchEvent } from '../events.ts';

const FIRST_MS = 250;
const MAX_MS = 5_000;

/**
 * Repeats a write of results until Postgres answers, so that an outage loses no work. The fence of the chunk makes the repetition
 * safe. Until then the chunk keeps its place, which bounds the results that wait.
 */
export async function untilStored<T>(
  write: () => Promise<T>,
  signal: AbortSignal,
  observe: (event: BatchEvent) => void,
): Promise<T> {
  for (let ms = FIRST_MS; ; ms = Math.min(MAX_MS, ms * 2)) {
    try {
      return await write();
    } catch (error) {
      if (signal.aborted || !isUnavailable(error)) throw error;
      observe({ type: 'runner.failed', error: error as Error });
      // The jitter prevents that all chunks are written at the moment at which Postgres is back.
      await sleep(ms * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
  }
}

const isUnavailable = (error: unknown) =>
  error instanceof TidemarkError && (error.status === 503 || error.status === 504);
