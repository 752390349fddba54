/** Makes the JSON of to_jsonb from texts of replication.ts's session. Numbers are not parsed, so none loses digits. */
import { errors } from '../errors.ts';
import { type ArrayElement, parseArrayLiteral, parseRowLiteral } from './literals.ts';

/** Categories of `json_categorize_type` in Postgres's sources. Domains count as their base type. */
export type JsonType =
  | { kind: 'text' | 'bool' | 'number' | 'date' | 'timestamp' | 'timestamptz' | 'json' }
  | { kind: 'array'; element: JsonType; delimiter: string }
  | { kind: 'row'; fields: readonly { name: string; type: JsonType }[] };

export const TEXT: JsonType = { kind: 'text' };

export function jsonText(type: JsonType, value: string | null): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'text':
    case 'date': // Dates are ISO 8601 already, including `infinity` and ` BC`.
      return JSON.stringify(value);
    case 'bool':
      return value === 't' ? 'true' : 'false';
    case 'number':
      return numberText(value);
    case 'timestamp':
    case 'timestamptz':
      return JSON.stringify(timestampText(value));
    case 'json':
      return value;
    case 'array':
      return arrayText(type, parseArrayLiteral(value, type.delimiter));
    case 'row':
      return rowText(type, value);
  }
}

export function mayLoseText({ kind }: JsonType): boolean {
  return kind === 'array' || kind === 'row' || kind === 'json' || kind === 'number';
}

/** A reader takes a string's characters, and null as NULL. Arrays and rows lack their bounds and kinds of null. */
export function losesText(type: JsonType, value: string, json: string): boolean {
  switch (type.kind) {
    case 'array':
    case 'row':
      return true;
    case 'json':
      return json !== value || /^["n\s]|\s$/.test(value);
    case 'number':
      return value === '-0';
    default:
      return false;
  }
}

/** jsonb stores numbers as numeric: no exponent, no minus on zero. NaN and the infinities become strings. */
function numberText(value: string): string {
  const last = value.charCodeAt(value.length - 1);
  if (last < 48 || last > 57) return JSON.stringify(value); // NaN, Infinity and -Infinity are strings.
  if (value === '-0') return '0';
  const exponentAt = value.indexOf('e');
  return exponentAt < 0 ? value : expand(value.slice(0, exponentAt), Number(value.slice(exponentAt + 1)));
}

/** Applies an exponent: `1.5`, -7 → `0.00000015`. */
function expand(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.slice(sign.length).split('.');
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Converts `2026-11-21 08:00:00.5+00` to `2026-11-21T08:00:00.5+00:00`: to_jsonb prints the minutes of the offset. */
function timestampText(value: string): string {
  const space = value.indexOf(' ');
  if (space < 0) return value; // infinity, -infinity
  const era = value.endsWith(' BC') ? ' BC' : '';
  const body = value.slice(0, value.length - era.length);
  return `${body.slice(0, space)}T${body.slice(space + 1)}${/:\d\d(\.\d+)?[+-]\d\d$/.test(body) ? ':00' : ''}${era}`;
}

function arrayText(type: JsonType & { kind: 'array' }, elements: readonly ArrayElement[]): string {
  const parts = elements.map((element) =>
    Array.isArray(element) ? arrayText(type, element) : jsonText(type.element, element),
  );
  return `[${parts.join(',')}]`;
}

function rowText(type: JsonType & { kind: 'row' }, value: string): string {
  const values = parseRowLiteral(value);
  // A row does not tell which attribute was dropped since. One that was added since is null, as in Postgres.
  if (values.length > Math.max(1, type.fields.length)) throw errors.LITERAL_UNREADABLE({ kind: 'row', text: value });
  const members = type.fields.map(
    (field, index) => `${JSON.stringify(field.name)}:${jsonText(field.type, values[index] ?? null)}`,
  );
  return `{${members.join(',')}}`;
}
