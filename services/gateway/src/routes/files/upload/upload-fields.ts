/** The fields of an upload beside the bytes: in the query of a raw upload, or in a form. */
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
 * Returns the file's bucket, owner and visibility; policies decide whether the caller may set them. An empty owner means a file
 * without owner, which only the service role sees.
 * @throws GATEWAY_FILE_BUCKET, GATEWAY_FILE_FORM
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

/** Parses the JSON object that is stored in the row. @throws GATEWAY_FILE_FORM */
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
