/** The `Prefer` header (RFC 7240) with PostgREST's preferences. */
import { postgrest } from './errors.ts';
import { splitHeader, unquote } from './header.ts';

export interface Preferences {
  readonly return: 'minimal' | 'headers-only' | 'representation' | null;
  readonly count: 'exact' | 'planned' | 'estimated' | null;
  readonly resolution: 'merge-duplicates' | 'ignore-duplicates' | null;
  readonly missing: 'default' | 'null' | null;
  readonly handling: 'strict' | 'lenient' | null;
  readonly tx: 'commit' | 'rollback' | null;
  readonly params: 'single-object' | null;
  /** Tidemark's: each row of a bulk write succeeds or fails by itself. */
  readonly results: 'per-row' | null;
  /** Tidemark's: all rows as a stream in any media type; `status-line` adds a last line of NDJSON with the outcome. */
  readonly export: 'stream' | 'status-line' | null;
  readonly filename: string | null;
  /** Rows; enforced and confirmed under handling=strict only. */
  readonly maxAffected: number | null;
  readonly timezone: string | null;
  /** Preferences as sent, with unknown names, unknown values, or time zones that `isTimeZone` refused. */
  readonly invalid: readonly string[];
}

export interface PreferOptions {
  /** The default is the runtime's list, which may differ from Postgres's `pg_timezone_names`. */
  isTimeZone?: (name: string) => boolean;
}

const CHOICES = {
  return: ['minimal', 'headers-only', 'representation'],
  count: ['exact', 'planned', 'estimated'],
  resolution: ['merge-duplicates', 'ignore-duplicates'],
  missing: ['default', 'null'],
  handling: ['strict', 'lenient'],
  tx: ['commit', 'rollback'],
  params: ['single-object'],
  results: ['per-row'],
  export: ['stream', 'status-line'],
} as const;
type Choice = keyof typeof CHOICES;

/** PostgREST's order in Preference-Applied. */
const APPLIED: readonly Choice[] = [
  'resolution',
  'missing',
  'return',
  'params',
  'count',
  'tx',
  'handling',
  'results',
  'export',
];
/** Printable ASCII without characters that have a meaning in quoted strings or paths. */
const FILENAME = /^[ !#-.0-:<-[\]-~]{1,200}$/;

const NONE: Preferences = Object.freeze({
  return: null,
  count: null,
  resolution: null,
  missing: null,
  handling: null,
  tx: null,
  params: null,
  results: null,
  export: null,
  filename: null,
  maxAffected: null,
  timezone: null,
  invalid: Object.freeze([]),
});

/** The first of repeated preferences counts (RFC 7240, section 2). */
export function parsePrefer(header: string | readonly string[] | undefined, options: PreferOptions = {}): Preferences {
  if (header === undefined || header.length === 0) return NONE;
  const isTimeZone = options.isTimeZone ?? runtimeKnowsTimeZone;
  const found: { -readonly [K in keyof Preferences]: Preferences[K] } = { ...NONE };
  const invalid: string[] = [];
  for (const item of splitHeader(typeof header === 'string' ? header : header.join(','), ',')) {
    const text = item.trim();
    if (text === '') continue;
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals).trim();
    const value = equals === -1 ? '' : unquote(text.slice(equals + 1).trim());
    if (Object.hasOwn(CHOICES, name)) {
      if (!(CHOICES[name as Choice] as readonly string[]).includes(value)) invalid.push(text);
      else found[name as Choice] ??= value as never;
    } else if (name === 'max-affected' && /^[0-9]{1,15}$/.test(value)) {
      found.maxAffected ??= Number(value);
    } else if (name === 'filename' && FILENAME.test(value)) {
      found.filename ??= value;
    } else if (name === 'timezone' && isTimeZone(value)) {
      found.timezone ??= value;
    } else {
      invalid.push(text);
    }
  }
  if (found.handling === 'strict' && invalid.length > 0) throw postgrest.PGRST122({ invalid });
  found.invalid = Object.freeze(invalid);
  return Object.freeze(found);
}

export function preferenceApplied(preferences: Partial<Preferences>): string | null {
  const applied: string[] = [];
  for (const name of APPLIED) {
    const value = preferences[name];
    if (value) applied.push(`${name}=${value}`);
  }
  if (preferences.filename) applied.push(`filename="${preferences.filename}"`);
  if (preferences.timezone) applied.push(`timezone=${preferences.timezone}`);
  if (preferences.handling === 'strict' && typeof preferences.maxAffected === 'number') {
    applied.push(`max-affected=${preferences.maxAffected}`);
  }
  return applied.length > 0 ? applied.join(', ') : null;
}

function runtimeKnowsTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // An unknown name throws RangeError; there is no other way to test a name.
    return false;
  }
}
