/** Conditional requests for something that has a strong ETag and a time of change, RFC 9110 §13. */

export interface Validators {
  /** With its quotes. */
  readonly etag: string;
  /** Whole seconds since 1970, as in Last-Modified. */
  readonly modified: number;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** In the order of RFC 9110 §13.2.2. `failed` names the header. */
export function checkPreconditions(
  headers: Headers,
  { etag, modified }: Validators,
): { outcome: 'go' } | { outcome: 'not modified' } | { outcome: 'failed'; header: string } {
  const ifMatch = text(headers['if-match']);
  if (ifMatch !== undefined) {
    if (!hasTag(ifMatch, etag, false)) return { outcome: 'failed', header: 'If-Match' };
  } else {
    const unmodified = date(text(headers['if-unmodified-since']));
    if (unmodified !== undefined && modified > unmodified) return { outcome: 'failed', header: 'If-Unmodified-Since' };
  }
  const ifNoneMatch = text(headers['if-none-match']);
  if (ifNoneMatch !== undefined) return { outcome: hasTag(ifNoneMatch, etag, true) ? 'not modified' : 'go' };
  const since = date(text(headers['if-modified-since']));
  return { outcome: since !== undefined && modified <= since ? 'not modified' : 'go' };
}

/** Whether a Range header counts: without If-Range, or where it names exactly what there is. */
export function ifRangeHolds(header: string | undefined, { etag, modified }: Validators): boolean {
  if (header === undefined) return true;
  const value = header.trim();
  // Weak tags never match here, and a time only exactly.
  return value.startsWith('"') ? value === etag : !value.startsWith('W/') && date(value) === modified;
}

function hasTag(list: string, etag: string, weakly: boolean): boolean {
  if (list.trim() === '*') return true;
  return list.split(',').some((tag) => {
    const given = tag.trim();
    return (weakly ? given.replace(/^W\//, '') : given) === etag;
  });
}

function date(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1_000);
}

const text = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value);
