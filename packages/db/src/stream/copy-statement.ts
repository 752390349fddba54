import type { Statement } from '../types.ts';
import type { Framing } from './copy-frames.ts';
import { inlineParams } from './inline-params.ts';

const COPY_FORMATS = ['csv', 'ndjson', 'json'] as const;
/** `csv`: a header, then Postgres's text of each value, quoted as in RFC 4180; no newline after the last row. */
export type CopyFormat = (typeof COPY_FORMATS)[number];

export interface CopyShape {
  format: CopyFormat;
  /** JSON without the keys whose value is null. */
  nullsStripped?: boolean;
  /** CSV that ends with a newline, as psql writes it. */
  lastNewline?: boolean;
  /** JSON of the first column's values instead of objects, for functions that return scalars. */
  values?: boolean;
}

export const FRAMINGS: Readonly<Record<CopyFormat, Framing>> = {
  csv: { open: '', between: '\n', close: '', dropNewline: true },
  ndjson: { open: '', between: '', close: '', dropNewline: false },
  json: { open: '[', between: ',', close: ']', dropNewline: false },
};

/** JSON is a CSV's only column. JSON text escapes U+0001 and U+0002, quote and delimiter, so nothing is quoted. */
const VERBATIM = `(format csv, quote e'\\x01', delimiter e'\\x02')`;

/** A `json` value keeps its line breaks. They occur only outside of strings, where a blank has the same meaning. */
const ONE_LINE = `e'\\n\\r', '  '`;

export function copyStatement(statement: Statement, shape: CopyShape): string {
  const select = inlineParams(statement);
  // The line break ends a comment at the end of the text.
  if (shape.format === 'csv') return `copy (${select}\n) to stdout (format csv, header)`;
  const row = shape.values ? 'coalesce(to_json("_v"."value"), \'null\')' : 'row_to_json("_v".*)';
  const json = shape.nullsStripped ? `json_strip_nulls(${row})` : row;
  return `copy (select translate(${json}::text, ${ONE_LINE}) from (${select}\n) as "_v"${shape.values ? '("value")' : ''}) to stdout ${VERBATIM}`;
}
