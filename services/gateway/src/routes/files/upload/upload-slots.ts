import { type Metrics, type Refusal, SharedLimit } from '@tidemark/service';
import { fileRequestErrors } from '../errors.ts';

export interface UploadSlot {
  add(bytes: number): void;
  release(): void;
}

export interface UploadSlots {
  take(identity: string): UploadSlot;
}

export interface UploadLimits {
  uploads: number;
  bytes: number;
}

/** The share of one identity: an eighth of each limit. */
const SHARE_PERCENT = 12.5;

export function createUploadSlots(limits: UploadLimits, metrics: Metrics): UploadSlots {
  const uploads = new SharedLimit(limits.uploads, SHARE_PERCENT);
  const bytes = new SharedLimit(limits.bytes, SHARE_PERCENT);
  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (g) => g.set(value()));
  gauge('tidemark_gateway_uploads', 'Running uploads', () => uploads.used);
  gauge('tidemark_gateway_uploads_limit', 'Maximum number of running uploads', () => uploads.limit);
  gauge('tidemark_gateway_upload_bytes', 'Bytes of unfinished uploads', () => bytes.used);
  gauge('tidemark_gateway_upload_bytes_limit', 'Maximum bytes of unfinished uploads', () => bytes.limit);
  gauge('tidemark_gateway_upload_identities', 'Identities with a running upload', () => uploads.identities);
  const refused = metrics.counter(
    'tidemark_gateway_uploads_refused_total',
    'Uploads refused, by the limit that was reached',
    ['limit'],
  );

  function refuse(limit: 'uploads' | 'bytes', { where }: Refusal, identity: string): Error {
    refused.inc({ limit: where === 'share' ? 'share' : limit });
    if (where === 'share') {
      return fileRequestErrors.UPLOADS_SHARE({ uploads: uploads.usedBy(identity), bytes: bytes.usedBy(identity) });
    }
    return limit === 'uploads'
      ? fileRequestErrors.UPLOADS_FULL({ limit: uploads.limit })
      : fileRequestErrors.UPLOADS_BYTES({ limit: bytes.limit });
  }

  return {
    take(identity) {
      const full = uploads.take(identity);
      if (full) throw refuse('uploads', full, identity);
      let held = 0;
      let released = false;
      return {
        add(more) {
          const tooMany = bytes.take(identity, more);
          if (tooMany) throw refuse('bytes', tooMany, identity);
          held += more;
        },
        release() {
          if (released) return;
          released = true;
          uploads.give(identity);
          bytes.give(identity, held);
        },
      };
    },
  };
}
