/** How many uploads run at a time: each holds buffers, a file handle and the disk. */
import type { Metrics } from '@tidemark/service';
import { fileRequestErrors } from './errors.ts';

export interface UploadSlots {
  /** @throws GATEWAY_FILE_UPLOADS_FULL, at once */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createUploadSlots(limit: number, metrics: Metrics): UploadSlots {
  let running = 0;
  metrics.gauge('tidemark_gateway_uploads', 'Uploads under way', [], (gauge) => gauge.set(running));
  metrics.gauge('tidemark_gateway_uploads_limit', 'Uploads that may be under way', [], (gauge) => gauge.set(limit));
  const refused = metrics.counter(
    'tidemark_gateway_uploads_refused_total',
    'Uploads refused as too many were under way',
  );
  return {
    async run(work) {
      if (running >= limit) {
        refused.inc();
        throw fileRequestErrors.UPLOADS_FULL({ limit });
      }
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
      }
    },
  };
}
