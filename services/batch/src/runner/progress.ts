/** Each update is a change for every subscriber, so they are joined: one statement per interval for all jobs. */
import type { Pool } from '@tidemark/db';
import type { BatchEvent } from '../events.ts';
import { jobStatements } from '../jobs/job-statements.ts';

export interface Progress {
  mark(job: string): void;
  stop(): Promise<void>;
}

export function createProgress(pool: Pool, intervalMs: number, observe: (event: BatchEvent) => void): Progress {
  // The number of running jobs bounds this set.
  const dirty = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  let writtenAt = Number.NEGATIVE_INFINITY;

  async function write(): Promise<void> {
    timer = undefined;
    const jobs = JSON.stringify([...dirty]);
    dirty.clear();
    writtenAt = performance.now();
    try {
      await pool.query(jobStatements.progress, [jobs]);
    } catch (error) {
      // The next chunk marks the job again, and the end of the job has the exact counts.
      observe({ type: 'progress.failed', error: error as Error });
    }
  }

  return {
    mark(job) {
      dirty.add(job);
      timer ??= setTimeout(
        () => {
          writing = writing.then(write);
        },
        Math.max(0, writtenAt + intervalMs - performance.now()),
      );
    },
    async stop() {
      clearTimeout(timer);
      await writing;
    },
  };
}
