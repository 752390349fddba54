/** What an upload says of its file besides the bytes: in the query of a raw upload, in the fields of a form. */
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
 * Where the file goes, whose it is and who may see it; policies decide whether the caller may. An empty owner: nobody's, which
 * only the service sees.
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
  throw fileRequestErrors.FORM({ reason: `visibility is "${text.slice(0, 50)}", not private or public` });
}

const MAX_METADATA = 16 * 1024;

/** A JSON object, kept in the row. @throws GATEWAY_FILE_FORM */
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
