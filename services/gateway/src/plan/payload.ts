/** The body of a write, checked and turned into JSON text for Postgres to read; numbers are never parsed here, so none loses digits. */
import { postgrest } from '../errors.ts';

export interface Payload {
  /** JSON text: an array of objects. */
  readonly rows: string;
  /** Keys of the first object (all must have the same, unless `columns` names them). */
  readonly keys: readonly string[];
  readonly count: number;
  /** The client sent one object and not an array. */
  readonly single: boolean;
  /** JSON text of the only object, where the body was one object and no array. */
  readonly row?: string;
}

/** Columns of a Postgres table, 1,600 at most: more keys cannot be columns. */
const MAX_KEYS = 1_600;
/** Bodies nest this deep at the most: Postgres's own JSON parser stops at its stack limit, some thousands deep. */
const MAX_DEPTH = 200;

const JSON_HINT = 'Send one JSON object, or an array of objects.';

/** @throws PGRST102 */
export function payloadOf(contentType: string, body: string, columnsNamed: boolean): Payload {
  if (contentType.startsWith('text/csv')) return fromObjects(parseCsv(body), false);
  if (contentType.startsWith('application/x-www-form-urlencoded')) {
    return fromObjects([Object.fromEntries(new URLSearchParams(body))], true);
  }
  return parseJson(body, columnsNamed);
}

function parseJson(body: string, columnsNamed: boolean): Payload {
  const text = body.trim();
  if (text === '') throw postgrest.PGRST102({ reason: 'Empty or invalid json', hint: JSON_HINT });
  // Shorter than it takes to open and close them.
  if (text.length > 2 * MAX_DEPTH) checkDepth(text);
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

function fromObjects(objects: readonly Record<string, string | null>[], single: boolean): Payload {
  const keys = Object.keys(objects[0] ?? {});
  checkKeys(keys);
  return { rows: JSON.stringify(objects), keys, count: objects.length, single };
}

function checkKeys(keys: readonly string[]): void {
  if (keys.length > MAX_KEYS) {
    throw postgrest.PGRST102({
      reason: `An object has ${keys.length} keys`,
      hint: `A table has at most ${MAX_KEYS} columns.`,
    });
  }
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

/** Refused before it is parsed: JSON.parse and Postgres both recurse. */
function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > MAX_DEPTH) {
        throw postgrest.PGRST102({ reason: `The body nests deeper than ${MAX_DEPTH}`, hint: 'Flatten it.' });
      }
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
}

/** RFC 4180, first line the column names; an unquoted `NULL` is null, as in PostgREST. */
function parseCsv(text: string): Record<string, string | null>[] {
  const [header, ...lines] = csvLines(text);
  if (!header)
    throw postgrest.PGRST102({
      reason: 'Empty CSV',
      hint: 'Send a header line with the column names, then a line for each row.',
    });
  return lines.map((line, i) => {
    if (line.length !== header.length) {
      throw postgrest.PGRST102({
        reason: 'All lines must have same number of fields',
        hint: `Line ${i + 2} has ${line.length} fields, the header has ${header.length}.`,
      });
    }
    return Object.fromEntries(
      header.map((name, column) => {
        const field = line[column] as CsvField;
        return [name.text, !field.quoted && field.text === 'NULL' ? null : field.text];
      }),
    );
  });
}

interface CsvField {
  text: string;
  quoted: boolean;
}

function csvLines(text: string): CsvField[][] {
  const lines: CsvField[][] = [];
  let line: CsvField[] = [];
  let at = 0;
  while (at < text.length) {
    let field: CsvField;
    if (text[at] === '"') {
      let value = '';
      at += 1;
      for (;;) {
        const end = text.indexOf('"', at);
        if (end === -1)
          throw postgrest.PGRST102({ reason: 'A quoted CSV field has no end', hint: 'Close it with a double quote.' });
        value += text.slice(at, end);
        at = end + 1;
        if (text[at] !== '"') break;
        value += '"';
        at += 1;
      }
      field = { text: value, quoted: true };
    } else {
      let end = at;
      while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end += 1;
      field = { text: text.slice(at, end), quoted: false };
      at = end;
    }
    line.push(field);
    if (text[at] === ',') {
      at += 1;
      if (at === text.length) line.push({ text: '', quoted: false });
      continue;
    }
    if (text[at] === '\r') at += 1;
    if (text[at] === '\n') at += 1;
    lines.push(line);
    line = [];
  }
  if (line.length > 0) lines.push(line);
  return lines;
}
