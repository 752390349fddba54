/**
 * A strong ETag names bytes, so each coding has its own (RFC 9110, 8.8.3): `"x"` plain, `"x+gzip"` compressed. Our plain ETags
 * are base64url or hexadecimal and never hold a plus sign.
 */
import { accepts, codingOf } from './coding.ts';

/** zstd: earlier versions sent it, and clients may still hold such an ETag. */
const CODED = /\+(zstd|br|gzip)"$/;

/** A weak ETag does not name bytes, so it stays as it is. */
export function codedEtag(etag: string, coding: string | undefined): string {
  return coding === undefined || etag.startsWith('W/') ? etag : `${etag.slice(0, -1)}+${coding}"`;
}

/** The ETag of the same representation before any coding. */
export const plainEtag = (etag: string): string => etag.replace(CODED, '"');

interface Asking {
  readonly headers: { readonly 'if-none-match'?: string | undefined; readonly 'accept-encoding'?: string | string[] };
}

/**
 * The tag of If-None-Match that the plain `etag` fulfils, to be repeated in the 304: plain, or of a coding that the client
 * accepts. A cache in between therefore never hands a coding to a client that cannot read it. The comparison is weak, as the
 * header asks: a proxy that compressed the answer may have weakened its ETag.
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
