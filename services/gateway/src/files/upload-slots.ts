/**
 * How many uploads run at a time, and how many bytes they have stored before a row names them. While the instance is over half
 * of a limit, one identity has an eighth of it, so that a single one cannot keep the others out; below half, nobody is limited.
 */
import type { Metrics } from '@tidemark/service';
import { fileRequestErrors } from './errors.ts';

export interface UploadSlot {
  /** Counts bytes that have come in. @throws GATEWAY_FILE_UPLOADS_BYTES, GATEWAY_FILE_UPLOADS_SHARE */
  add(bytes: number): void;
  /** Gives slot and bytes back; once. */
  release(): void;
}

export interface UploadSlots {
  /** @throws GATEWAY_FILE_UPLOADS_FULL, GATEWAY_FILE_UPLOADS_SHARE, at once */
  take(identity: string): UploadSlot;
}

export interface UploadLimits {
  uploads: number;
  bytes: number;
}

interface Use {
  uploads: number;
  bytes: number;
}

const SHARES = 8;
const shareOf = (limit: number) => Math.max(1, Math.floor(limit / SHARES));

export function createUploadSlots(limits: UploadLimits, metrics: Metrics): UploadSlots {
  const all: Use = { uploads: 0, bytes: 0 };
  // Identities with an upload under way: at most as many as uploads.
  const byIdentity = new Map<string, Use>();
  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (g) => g.set(value()));
  gauge('tidemark_gateway_uploads', 'Uploads under way', () => all.uploads);
  gauge('tidemark_gateway_uploads_limit', 'Uploads that may be under way', () => limits.uploads);
  gauge('tidemark_gateway_upload_bytes', 'Bytes of unfinished uploads', () => all.bytes);
  gauge('tidemark_gateway_upload_bytes_limit', 'Bytes that unfinished uploads may have', () => limits.bytes);
  gauge('tidemark_gateway_upload_identities', 'Identities with an upload under way', () => byIdentity.size);
  const refused = metrics.counter(
    'tidemark_gateway_uploads_refused_total',
    'Uploads refused, by the limit that was reached',
    ['limit'],
  );
  const refuse = (limit: string, error: Error) => {
    refused.inc({ limit });
    return error;
  };
  const overShare = (own: Use) => refuse('share', fileRequestErrors.UPLOADS_SHARE(own));

  return {
    take(identity) {
      const own = byIdentity.get(identity) ?? { uploads: 0, bytes: 0 };
      if (all.uploads >= limits.uploads) {
        throw refuse('uploads', fileRequestErrors.UPLOADS_FULL({ limit: limits.uploads }));
      }
      if (all.uploads >= limits.uploads / 2 && own.uploads >= shareOf(limits.uploads)) throw overShare(own);
      byIdentity.set(identity, own);
      all.uploads += 1;
      own.uploads += 1;
      let held = 0;
      let released = false;
      return {
        add(bytes) {
          if (all.bytes + bytes > limits.bytes) {
            throw refuse('bytes', fileRequestErrors.UPLOADS_BYTES({ limit: limits.bytes }));
          }
          if (all.bytes > limits.bytes / 2 && own.bytes + bytes > shareOf(limits.bytes)) throw overShare(own);
          held += bytes;
          all.bytes += bytes;
          own.bytes += bytes;
        },
        release() {
          if (released) return;
          released = true;
          all.uploads -= 1;
          own.uploads -= 1;
          all.bytes -= held;
          own.bytes -= held;
          if (own.uploads === 0) byIdentity.delete(identity);
        },
      };
    },
  };
}
