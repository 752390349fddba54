import { errors } from '../errors.ts';
import type { Param } from '../types.ts';
import { encodeArray } from './param.ts';

/** Postgres silently truncates longer names (NAMEDATALEN is 64), so two long names could become one. */
const MAX_NAME_BYTES = 63;

/** `na"me` → `"na""me"`. Throws DB_INVALID_IDENTIFIER for an empty name, one over 63 bytes or one with a zero byte. */
export function identifier(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw errors.INVALID_IDENTIFIER({ value: name });
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal that does not depend on standard_conforming_strings. Throws DB_INVALID_PARAMETER on a zero byte. */
export function literal(text: string): string {
  if (text.includes('\0'))
    throw errors.INVALID_PARAMETER({ value: JSON.stringify(text), reason: 'it has a zero byte' });
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** `['a', null, 'b"c']` → `{"a",NULL,"b\"c"}`, to be sent as one parameter. */
export function arrayLiteral(values: readonly Param[]): string {
  return encodeArray(values);
}

/** As in PostgREST, `public` comes last by default, since extensions and shared types usually are there. */
export function searchPath(schema: string, extra: readonly string[] = ['public']): string {
  return [...new Set([schema, ...extra])].map(identifier).join(', ');
}
