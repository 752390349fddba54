import { matchesStrongly, matchesWeakly, parseEtags } from '../../../request/etags.ts';

export interface Validators {
  readonly etag: string;
  /** Whole seconds since 1970, as in Last-Modified. */
  readonly modified: number;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Evaluates the headers in the order of RFC 9110 §13.2.2. */
export function checkPreconditions(
  headers: Headers,
  { etag, modified }: Validators,
): { outcome: 'go' } | { outcome: 'not modified' } | { outcome: 'failed'; header: string } {
  const ifMatch = text(headers['if-match']);
  if (ifMatch !== undefined) {
    if (!matchesStrongly(parseEtags(ifMatch), [etag])) return { outcome: 'failed', header: 'If-Match' };
  } else {
    const unmodified = date(text(headers['if-unmodified-since']));
    if (unmodified !== undefined && modified > unmodified) return { outcome: 'failed', header: 'If-Unmodified-Since' };
  }
  const ifNoneMatch = text(headers['if-none-match']);
  if (ifNoneMatch !== undefined) {
    return { outcome: matchesWeakly(parseEtags(ifNoneMatch), [etag]) ? 'not modified' : 'go' };
  }
  const since = date(text(headers['if-modified-since']));
  return { outcome: since !== undefined && modified <= since ? 'not modified' : 'go' };
}

export function ifRangeHolds(header: string | undefined, { etag, modified }: Validators): boolean {
  if (header === undefined) return true;
  const value = header.trim();
  // A weak tag never matches here, and a date only where it is equal.
  return value.startsWith('"') ? value === etag : !value.startsWith('W/') && date(value) === modified;
}

function date(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1_000);
}

const text = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value);
