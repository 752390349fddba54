/** A strong ETag identifies bytes, so each coding has its own (RFC 9110, 8.8.3): `"x"` plain, `"x+gzip"` compressed. */
import { accepts, codingOf } from './coding.ts';

/** Earlier versions sent zstd, so clients may still send such an ETag. */
const CODED = /\+(zstd|br|gzip)"$/;

/** A weak ETag does not identify bytes, so it stays unchanged. */
export function codedEtag(etag: string, coding: string | undefined): string {
  return coding === undefined || etag.startsWith('W/') ? etag : `${etag.slice(0, -1)}+${coding}"`;
}

export const plainEtag = (etag: string): string => etag.replace(CODED, '"');

interface Asking {
  readonly headers: { readonly 'if-none-match'?: string | undefined; readonly 'accept-encoding'?: string | string[] };
}

/**
 * Returns the tag to repeat in the 304, never that of a coding which the client cannot read. The comparison is weak,
 * because a proxy that compressed the response may have weakened its ETag.
 */
export function matchedEtag({ headers }: Asking, etag: string): string | undefined {
  const held = headers['if-none-match'];
  if (held === undefined) return undefined;
  const accepted = headers['accept-encoding'] as string | undefined;
  if (held.trim() === '*') return codedEtag(etag, codingOf(accepted));
  for (const part of held.split(',')) {
    const tag = part.trim().replace(/^W\//, '');
    if (tag === etag) return etag;
    const coding = CODED.exec(tag)?.[1];
    if (coding !== undefined && plainEtag(tag) === etag && accepts(accepted, coding)) return tag;
  }
  return undefined;
}
