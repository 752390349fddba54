/**
 * A strong ETag names bytes, so each coding has its own (RFC 9110, 8.8.3): `"x"` plain, `"x+gzip"` compressed. The plus sign is
 * in none of ours, which are base64url or hexadecimal.
 */
import type { Choice, Coding } from './accept-encoding.ts';

const CODED = /\+(zstd|br|gzip)"$/;

/** A weak one stays: it does not name bytes. */
export function codedEtag(etag: string, coding: Coding | undefined): string {
  return coding === undefined || etag.startsWith('W/') ? etag : `${etag.slice(0, -1)}+${coding}"`;
}

/** Of the same rows, before any coding. */
export const plainEtag = (etag: string): string => etag.replace(CODED, '"');

/**
 * The tag of If-None-Match that `etag` (a plain one) fulfils, to be repeated in the 304: plain, or of a coding that this request
 * takes, so that a cache on the way never gives out a coding to who cannot read it. Weak comparison, as the header asks for: a
 * proxy that compressed the answer may have made its ETag weak.
 */
export function matchedEtag(header: string, etag: string, choice: Choice | undefined): string | undefined {
  if (header.trim() === '*') return codedEtag(etag, choice?.coding);
  for (const part of header.split(',')) {
    const tag = part.trim().replace(/^W\//, '');
    if (tag === etag) return etag;
    const coding = CODED.exec(tag)?.[1] as Coding | undefined;
    if (coding !== undefined && plainEtag(tag) === etag && choice?.accepts(coding)) return tag;
  }
  return undefined;
}
