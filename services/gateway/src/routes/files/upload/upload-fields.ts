import type { UploadTarget, Visibility } from '@tidemark/files';
import { bucketOf } from '../bucket.ts';
import { fileRequestErrors } from '../errors.ts';

export interface UploadFields {
  owner?: string;
  bucket?: string;
  visibility?: string;
  metadata?: string;
}

/**
 * Policies decide whether the caller may set these. An empty owner means a file without owner, which only the service
 * role sees.
 */
export function targetOf({ owner, bucket, visibility }: UploadFields): UploadTarget {
  return {
    owner: owner === '' ? null : owner,
    bucket: bucketOf(bucket),
    visibility: visibilityOf(visibility),
  };
}

function visibilityOf(text: string | undefined): Visibility | undefined {
  if (text === undefined || text === 'private' || text === 'public') return text;
  throw fileRequestErrors.FORM({ reason: `visibility is "${text.slice(0, 50)}"; it must be private or public` });
}

const MAX_METADATA = 16 * 1024;

export function metadataOf(text: string | undefined): Record<string, unknown> {
  if (text === undefined || text === '') return {};
  if (text.length > MAX_METADATA) {
    throw fileRequestErrors.FORM({ reason: `metadata has more than ${MAX_METADATA} characters` });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fileRequestErrors.FORM({ reason: 'metadata is not JSON' }, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fileRequestErrors.FORM({ reason: 'metadata is not a JSON object' });
  }
  return value as Record<string, unknown>;
}
