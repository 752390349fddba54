/** Numbers are not parsed, so they keep all digits. */
import { LIMITS, type Pair, readPairs } from '@tidemark/query';
import { postgrest } from '../errors.ts';
import { parseCsv } from './csv.ts';

export interface Payload {
  /** JSON text of an array of objects. */
  readonly rows: string;
  /** Keys of the first object; all objects must have the same keys, unless `columns` names them. */
  readonly keys: readonly string[];
  readonly count: number;
  readonly single: boolean;
  /** JSON text of the only object, if the body was one object instead of an array. */
  readonly row?: string;
  /** True where every value is a text (CSV, forms), so that a JSON column has its JSON as a string. */
  readonly texts?: boolean;
}

/** Postgres tables have at most 1,600 columns, so more keys cannot be columns. */
const MAX_KEYS = 1_600;
/** Maximum depth of a body; Postgres's JSON parser reaches its stack limit at some thousands. */
const MAX_DEPTH = 200;
/** Maximum number of objects and arrays in a body, and of lines of CSV: about 30 MB when parsed. 10 MB of rows with 35 characters have as many. */
const MAX_OBJECTS = 300_000;

const TYPES_HINT = 'Send rows as application/json, text/csv or application/x-www-form-urlencoded.';
const JSON_HINT = 'Send one JSON object, or an array of objects.';

export function payloadOf(contentType: string, body: string, columnsNamed: boolean): Payload {
  if (contentType.startsWith('text/csv')) return fromCsv(body);
  if (contentType.startsWith('application/x-www-form-urlencoded')) return fromForm(body);
  if (/^(application\/octet-stream|text\/xml)/.test(contentType)) {
    throw postgrest.PGRST102({ reason: `Content-Type not acceptable: ${contentType}`, hint: TYPES_HINT });
  }
  return parseJson(body, columnsNamed);
}

function parseJson(body: string, columnsNamed: boolean): Payload {
  const text = body.trim();
  if (text === '') throw postgrest.PGRST102({ reason: 'Empty or invalid json', hint: JSON_HINT });
  // A shorter text cannot exceed the depth.
  if (text.length > 2 * MAX_DEPTH) checkStructure(text);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw postgrest.PGRST102(
      { reason: 'Empty or invalid json', hint: `${JSON_HINT} ${(cause as Error).message}` },
      { cause },
    );
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    const keys = Object.keys(parsed);
    checkKeys(keys);
    return { rows: `[${text}]`, keys, count: 1, single: true, row: text };
  }
  const objects = (Array.isArray(parsed) ? parsed : [parsed]) as unknown[];
  for (const object of objects) {
    if (typeof object !== 'object' || object === null || Array.isArray(object)) {
      throw postgrest.PGRST102({ reason: 'All array elements must be objects', hint: JSON_HINT });
    }
  }
  const keys = Object.keys((objects[0] as object | undefined) ?? {});
  checkKeys(keys);
  if (!columnsNamed) checkUniform(objects as object[], keys);
  return { rows: text, keys, count: objects.length, single: false };
}

function fromCsv(body: string): Payload {
  const { names, rows } = parseCsv(body, MAX_KEYS);
  const objects: Record<string, string | null>[] = [];
  for (const object of rows) {
    if (objects.push(object) > MAX_OBJECTS) throw tooMany('lines');
  }
  return { rows: JSON.stringify(objects), keys: names, count: objects.length, single: false, texts: true };
}

/** Bytes that are not UTF-8 are refused, as in other bodies: URLSearchParams would replace them. */
export function formPairs(body: string): readonly Pair[] {
  // Pairs are counted first, because a form of ten million characters may have five million.
  if (body.split('&', MAX_KEYS + 1).length > MAX_KEYS) throw tooManyKeys(`more than ${MAX_KEYS}`);
  return readPairs(body, { ...LIMITS, queryLength: body.length, pairs: MAX_KEYS });
}

function fromForm(body: string): Payload {
  const object = Object.fromEntries(formPairs(body));
  return { rows: JSON.stringify([object]), keys: Object.keys(object), count: 1, single: true, texts: true };
}

function checkKeys(keys: readonly string[]): void {
  if (keys.length > MAX_KEYS) throw tooManyKeys(String(keys.length));
}

function tooManyKeys(keys: string) {
  return postgrest.PGRST102({ reason: `An object has ${keys} keys`, hint: `A table has at most ${MAX_KEYS} columns.` });
}

function checkUniform(objects: readonly object[], keys: readonly string[]): void {
  const expected = new Set(keys);
  for (const object of objects) {
    const own = Object.keys(object);
    if (own.length !== keys.length || !own.every((key) => expected.has(key))) {
      throw postgrest.PGRST102({
        reason: 'All object keys must match',
        hint: 'Give every object the same keys, or name them in ?columns=a,b (missing ones become null, or their default with Prefer: missing=default).',
      });
    }
  }
}

/** The check runs before parsing: Postgres recurses, and ten million characters of `{},` are 200 MB of objects. */
export function checkStructure(text: string): void {
  let depth = 0;
  let containers = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      containers += 1;
      if (depth > MAX_DEPTH) {
        throw postgrest.PGRST102({ reason: `The body nests deeper than ${MAX_DEPTH}`, hint: 'Flatten it.' });
      }
      if (containers > MAX_OBJECTS) throw tooMany('objects and arrays');
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
}

function tooMany(what: string) {
  return postgrest.PGRST102({
    reason: `The body has more than ${MAX_OBJECTS} ${what}`,
    hint: 'Nothing was written. Send it in several requests.',
  });
}
