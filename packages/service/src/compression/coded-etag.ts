/**
 * A strong ETag identifies bytes, so each coding has its own (RFC 9110, 8.8.3): `"x"` plain, `"x+gzip"` compressed. Plain
 * ETags here are base64url or hexadecimal and never contain a plus sign.
 */
import { accepts, codingOf } from './coding.ts';

/** Earlier versions sent zstd, so clients may still send such an ETag. */
const CODED = /\+(zstd|br|gzip)"$/;

/** A weak ETag does not identify bytes, so it stays unchanged. */
export function codedEtag(etag: string, coding: string | undefined): string {
  return coding === undefined || etag.startsWith('W/') ? etag : `${etag.slice(0, -1)}+${coding}"`;
}

/** Returns the ETag of the same representation without a coding. */
export const plainEtag = (etag: string): string => etag.replace(CODED, '"');

interface Asking {
  readonly headers: { readonly 'if-none-match'?: string | undefined; readonly 'accept-encoding'?: string | string[] };
}

/**
 * Returns the tag of If-None-Match that matches the plain `etag`, to repeat in the 304: the plain tag, or that of a coding
 * that the client accepts. A cache therefore never gives a coding to a client that cannot read it. The comparison is weak,
 * as the header requires: a proxy that compressed the response may have weakened its ETag.
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
