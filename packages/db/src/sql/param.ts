/** All parameters go as text: the driver's own serializers encode JSON twice, make 'true' an 'f' and shift dates. */
import { errors } from '../errors.ts';
import type { Param, Statement } from '../types.ts';

/** The protocol counts parameters in 16 bits. */
const MAX_PARAMS = 65_534;

/** A statement that cannot fail on our side any more, so that no half of a transaction is sent because of a bad value. */
export interface EncodedStatement {
  text: string;
  params: (string | null)[];
  prepare: boolean;
  sessionSafe?: boolean;
}

export function encodeStatement(statement: Statement): EncodedStatement {
  const { text, params } = statement;
  // The protocol ends the text at a zero byte and would read the rest as its next fields.
  if (text.includes('\0'))
    throw errors.INVALID_PARAMETER({ value: JSON.stringify(text), reason: 'it has a zero byte' });
  if (params !== undefined && params.length > MAX_PARAMS) {
    throw errors.INVALID_PARAMETER({ value: `list of ${params.length}`, reason: `at most ${MAX_PARAMS} are possible` });
  }
  return {
    text,
    params: encodeParams(params),
    prepare: statement.prepare !== false,
    sessionSafe: statement.sessionSafe === true,
  };
}

export function encodeParam(value: Param): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'object') return encodeObject(value);
  return String(value);
}

function encodeParams(values: readonly Param[] | undefined): (string | null)[] {
  if (values === undefined) return [];
  const encoded = new Array<string | null>(values.length);
  for (let i = 0; i < values.length; i++) encoded[i] = encodeParam(values[i]);
  return encoded;
}

function encodeObject(value: object): string {
  if (Array.isArray(value)) return encodeArray(value);
  if (value instanceof Uint8Array) {
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) {
      throw errors.INVALID_PARAMETER({ value: 'Invalid Date', reason: 'it is not a valid date' });
    }
    return isoDate(value);
  }
  return encodeJson(value);
}

function encodeJson(value: object): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (cause) {
    throw errors.INVALID_PARAMETER({ value: 'object', reason: (cause as Error).message }, { cause });
  }
}

/** ISO 8601 as Postgres reads it: no sign before a year, and BC for the years before 1. */
function isoDate(date: Date): string {
  const year = date.getUTCFullYear();
  if (year >= 1 && year <= 9999) return date.toISOString();
  const rest = date.toISOString().slice(year < 0 || year > 9999 ? 7 : 4);
  return year >= 1 ? `${year}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`;
}

/** A Postgres array literal. Every value is quoted, so that `null` and 'NULL' differ. */
export function encodeArray(values: readonly Param[]): string {
  let literal = '{';
  for (let i = 0; i < values.length; i++) {
    if (i > 0) literal += ',';
    const value = values[i];
    if (Array.isArray(value)) literal += encodeArray(value);
    else {
      const text = encodeParam(value);
      literal += text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`;
    }
  }
  return `${literal}}`;
}
