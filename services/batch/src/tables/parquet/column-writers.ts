/** The Parquet type of each type of Postgres, the SQL that makes a value exact in it, and the conversion of the answer. */
import type { ParquetWriter } from 'hyparquet-writer';
import type { ResultType } from '../describe.ts';

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

export interface ColumnWriter {
  element: SchemaElement;
  /** SQL of the value, from the SQL of the column. */
  sql: (column: string) => string;
  /** Converts what the driver returns; never called with null. */
  convert: (value: unknown) => unknown;
}

type Element = Omit<SchemaElement, 'name' | 'repetition_type'>;

const same = (value: unknown) => value;
const plain = (column: string) => column;
const toBigInt = (value: unknown) => BigInt(value as string);
const asText = (column: string) => `${column}::text`;
/** `extract` of a timestamp is a numeric with six digits, so that nothing is rounded. Infinity fails, since Parquet has none. */
const micros = (column: string) => `(extract(epoch from ${column}) * 1000000)::int8`;

const STRING: Element = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
const JSON_TEXT: Element = { type: 'BYTE_ARRAY', logical_type: { type: 'JSON' } };
const int32 = (element: Element = { type: 'INT32' }) => ({ element, sql: plain, convert: same });
const timestamp = (isAdjustedToUTC: boolean): Omit<ColumnWriter, 'element'> & { element: Element } => ({
  element: { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit: 'MICROS' } },
  sql: micros,
  convert: toBigInt,
});

const WRITERS: Readonly<Record<string, Omit<ColumnWriter, 'element'> & { element: Element }>> = {
  bool: { element: { type: 'BOOLEAN' }, sql: plain, convert: same },
  int2: int32(),
  int4: int32(),
  int8: { element: { type: 'INT64' }, sql: plain, convert: toBigInt },
  float4: { element: { type: 'FLOAT' }, sql: plain, convert: Number },
  float8: { element: { type: 'DOUBLE' }, sql: plain, convert: Number },
  date: int32({ type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } }),
  timestamp: timestamp(false),
  timestamptz: timestamp(true),
  time: {
    element: { type: 'INT64', logical_type: { type: 'TIME', isAdjustedToUTC: false, unit: 'MICROS' } },
    sql: micros,
    convert: toBigInt,
  },
  uuid: {
    element: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } },
    sql: asText,
    convert: same,
  },
  bytea: {
    element: { type: 'BYTE_ARRAY' },
    sql: (column) => `encode(${column}, 'hex')`,
    convert: (value) => Buffer.from(value as string, 'hex'),
  },
  json: jsonWriter(asText),
  jsonb: jsonWriter(asText),
};

function jsonWriter(sql: ColumnWriter['sql']): Omit<ColumnWriter, 'element'> & { element: Element } {
  return { element: JSON_TEXT, sql, convert: (value) => Buffer.from(value as string) };
}

const MAX_DECIMAL_DIGITS = 38;
const DECIMAL_BYTES = 16;
/** VARHDRSZ: atttypmod of a numeric is ((precision << 16) | scale) + 4, and the scale has 11 bits with a sign. */
const NUMERIC_HEADER = 4;

export function columnWriter({ name, type, category, modifier }: ResultType): ColumnWriter {
  const found = writerOf(type, category, modifier);
  return { ...found, element: { name, repetition_type: 'OPTIONAL', ...found.element } };
}

function writerOf(
  type: string,
  category: string,
  modifier: number,
): Omit<ColumnWriter, 'element'> & { element: Element } {
  if (type === 'date') return { ...WRITERS.date!, sql: (column) => `(${column} - date '1970-01-01')` };
  const known = WRITERS[type];
  if (known) return known;
  if (type === 'numeric' && modifier >= NUMERIC_HEADER) {
    const precision = ((modifier - NUMERIC_HEADER) >> 16) & 0xffff;
    const scale = (modifier - NUMERIC_HEADER) & 0x7ff;
    if (precision <= MAX_DECIMAL_DIGITS && scale <= precision) return decimal(precision, scale);
  }
  // Arrays and records keep their structure as JSON; a numeric without a precision may have any, so it is text.
  if (category === 'A' || category === 'C') return jsonWriter((column) => `to_json(${column})::text`);
  return { element: STRING, sql: asText, convert: same };
}

function decimal(precision: number, scale: number): Omit<ColumnWriter, 'element'> & { element: Element } {
  return {
    element: {
      type: 'FIXED_LEN_BYTE_ARRAY',
      type_length: DECIMAL_BYTES,
      converted_type: 'DECIMAL',
      logical_type: { type: 'DECIMAL', precision, scale },
      precision,
      scale,
    },
    // NaN fails in the conversion, since Parquet has none.
    sql: (column) => `trunc(${column} * 1e${scale}::numeric)::text`,
    convert: toBigInt,
  };
}
