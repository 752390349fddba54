/** What an upload says of its file besides the bytes: in the query of a raw upload, in the fields of a form. */
import { fileRequestErrors } from './errors.ts';

/** Undefined: the caller's `sub`. Empty: null, which shows the file to everybody; policies decide whether the caller may. */
export function ownerOf(text: string | undefined): string | null | undefined {
  return text === undefined ? undefined : text === '' ? null : text;
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
