/** Selects the media type of a response by `Accept` (RFC 9110, 12.5.1, with PostgREST's vendored types). */
import { postgrest } from './errors.ts';
import { splitHeader, unquote } from './header.ts';

export type SimpleMedia = 'json' | 'csv' | 'ndjson' | 'geojson' | 'octet-stream' | 'text' | 'array' | 'object';
export type MediaKind = SimpleMedia | 'plan';
export type PlanOption = 'analyze' | 'verbose' | 'settings' | 'buffers' | 'wal';

/** A media type that the database defines: a domain of its name, and an aggregate or a function that returns it. */
export interface OwnMedia {
  readonly mime: string;
  /** The aggregate over the rows; null where the value of a function is the body. */
  readonly aggregate: { readonly schema: string; readonly name: string } | null;
  /** The relation whose rows the aggregate takes; null: it takes any row. */
  readonly rowsOf: { readonly schema: string; readonly name: string } | null;
  /** The domain is over bytea. */
  readonly isBytes: boolean;
}

export interface RowsMedia {
  readonly kind: SimpleMedia;
  /** If present, `kind` is octet-stream. */
  readonly own?: OwnMedia;
  /** Omits keys whose value is null; always true for `array`, optional for `object`, false for the others. */
  readonly nullsStripped: boolean;
}

export interface PlanMedia {
  readonly kind: 'plan';
  readonly format: 'json' | 'text';
  readonly for: RowsMedia;
  readonly options: readonly PlanOption[];
}

export type MediaType = RowsMedia | PlanMedia;

const MIME: Record<SimpleMedia, string> = {
  json: 'application/json',
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  geojson: 'application/geo+json',
  'octet-stream': 'application/octet-stream',
  text: 'text/plain',
  array: 'application/vnd.pgrst.array+json',
  object: 'application/vnd.pgrst.object+json',
};
const BY_MIME: ReadonlyMap<string, SimpleMedia> = new Map([
  ...Object.entries(MIME).map(([kind, mime]) => [mime, kind as SimpleMedia] as const),
  ['application/vnd.pgrst.array', 'array'],
  ['application/vnd.pgrst.object', 'object'],
  ['application/ndjson', 'ndjson'],
]);
const PLAN_FORMATS: ReadonlyMap<string, PlanMedia['format']> = new Map([
  ['application/vnd.pgrst.plan', 'text'],
  ['application/vnd.pgrst.plan+text', 'text'],
  ['application/vnd.pgrst.plan+json', 'json'],
]);
const PLAN_OPTIONS: readonly PlanOption[] = ['analyze', 'verbose', 'settings', 'buffers', 'wal'];
const WILDCARDS: ReadonlyMap<string, readonly SimpleMedia[]> = new Map([
  ['*/*', ['json', 'csv', 'ndjson', 'geojson', 'octet-stream', 'text']],
  ['application/*', ['json', 'ndjson', 'geojson', 'octet-stream']],
  ['text/*', ['csv', 'text']],
]);

export const MEDIA_KINDS: readonly MediaKind[] = Object.freeze([...(Object.keys(MIME) as SimpleMedia[]), 'plan']);

const JSON_MEDIA: RowsMedia = Object.freeze({ kind: 'json', nullsStripped: false });

/** Returns the best by highest q, then by the order of the header. Without a header, JSON. */
export function selectMediaType(accept: string | undefined, available: readonly MediaKind[] = MEDIA_KINDS): MediaType {
  if (accept === undefined || accept.trim() === '') return JSON_MEDIA;
  const ranges = splitHeader(accept, ',')
    .map(parseRange)
    .filter((range) => range !== null);
  const refused = new Set(ranges.filter((range) => range.q === 0).map((range) => range.mime));
  // Array.prototype.sort is stable: equal weights keep the order of the header.
  for (const range of ranges.filter(({ q }) => q > 0).sort((a, b) => b.q - a.q)) {
    const media = mediaOf(range, (kind) => available.includes(kind) && (kind === 'plan' || !refused.has(MIME[kind])));
    if (media) return media;
  }
  throw postgrest.PGRST107({ accept, available: available.map(mimeOfKind) });
}

/** Media types in the order of preference, without parameters. Those with q=0 are left out. */
export function acceptedTypes(accept: string): readonly string[] {
  const ranges = splitHeader(accept, ',')
    .map(parseRange)
    .filter((range) => range !== null && range.q > 0) as AcceptRange[];
  return ranges.sort((a, b) => b.q - a.q).map(({ mime }) => mime);
}

const UTF8 = '; charset=utf-8';
/** As in PostgREST, a media type of the database with one of these names has the charset, too. */
const TEXTS = new Set(['application/json', 'application/geo+json', 'text/csv', 'text/plain', 'text/xml']);

export function contentType(media: MediaType): string {
  if (media.kind !== 'plan' && media.own) return media.own.mime + (TEXTS.has(media.own.mime) ? UTF8 : '');
  const charset = media.kind === 'octet-stream' ? '' : UTF8;
  if (media.kind !== 'plan') return mimeOf(media) + charset;
  const options = media.options.length > 0 ? `; options=${media.options.join('|')}` : '';
  return `application/vnd.pgrst.plan+${media.format}; for="${mimeOf(media.for)}"${options}${charset}`;
}

function mimeOf(media: RowsMedia): string {
  return MIME[media.kind] + (media.nullsStripped ? ';nulls=stripped' : '');
}

function mimeOfKind(kind: MediaKind): string {
  return kind === 'plan' ? 'application/vnd.pgrst.plan+json' : MIME[kind];
}

interface AcceptRange {
  readonly mime: string;
  readonly q: number;
  readonly params: ReadonlyMap<string, string>;
}

function parseRange(text: string): AcceptRange | null {
  const [head = '', ...rest] = splitHeader(text, ';');
  const mime = head.trim().toLowerCase();
  if (mime === '') return null;
  const params = new Map<string, string>();
  for (const param of rest) {
    const equals = param.indexOf('=');
    if (equals !== -1) params.set(param.slice(0, equals).trim().toLowerCase(), unquote(param.slice(equals + 1).trim()));
  }
  const weight = params.get('q');
  const q = weight === undefined ? 1 : /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight) : 0;
  return { mime, q, params };
}

function mediaOf(range: AcceptRange, allowed: (kind: MediaKind) => boolean): MediaType | null {
  const wildcard = WILDCARDS.get(range.mime);
  if (wildcard) {
    const kind = wildcard.find(allowed);
    return kind ? { kind, nullsStripped: false } : null;
  }
  const format = PLAN_FORMATS.get(range.mime);
  if (format) return allowed('plan') ? planOf(range, format) : null;
  const rows = rowsOf(range);
  return rows && allowed(rows.kind) ? rows : null;
}

function rowsOf(range: AcceptRange): RowsMedia | null {
  const kind = BY_MIME.get(range.mime);
  if (!kind) return null;
  const nullsStripped = range.params.get('nulls') === 'stripped';
  if (kind === 'array') return nullsStripped ? { kind, nullsStripped } : JSON_MEDIA;
  return { kind, nullsStripped: kind === 'object' && nullsStripped };
}

function planOf(range: AcceptRange, format: PlanMedia['format']): PlanMedia | null {
  const target = parseRange(range.params.get('for') ?? MIME.json);
  const rows = target && rowsOf(target);
  if (!rows) return null;
  const asked = (range.params.get('options') ?? '').split('|');
  return { kind: 'plan', format, for: rows, options: PLAN_OPTIONS.filter((option) => asked.includes(option)) };
}
