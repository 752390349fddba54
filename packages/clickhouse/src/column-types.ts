/** Types and values of ClickHouse for those of Postgres. */
import { sliceArray } from '@tidemark/contracts';
import type { ServerVersion } from './clickhouse-server.ts';
import type { Kind, SourceColumn } from './source-table.ts';

/** The types that a server has. Where it has no type that holds every value, the column is a text. */
export interface Abilities {
  readonly hasDateTime64: boolean;
  readonly hasDate32: boolean;
  readonly hasBool: boolean;
}

export function abilitiesOf({ major, minor }: ServerVersion): Abilities {
  const since = (wantedMajor: number, wantedMinor: number) =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return { hasDateTime64: since(20, 1), hasDate32: since(21, 9), hasBool: since(21, 12) };
}

const PLAIN: Readonly<Partial<Record<Kind, string>>> = {
  int16: 'Int16',
  int32: 'Int32',
  int64: 'Int64',
  uint32: 'UInt32',
  float32: 'Float32',
  float64: 'Float64',
  uuid: 'UUID',
};

/** Every column outside the key may be NULL: a tombstone has no other values. An array cannot be, and is empty. */
export function clickhouseType(column: SourceColumn, isKey: boolean, abilities: Abilities): string {
  const type = scalarType(column, abilities);
  if (column.isArray) return `Array(Nullable(${type}))`;
  return isKey ? type : `Nullable(${type})`;
}

function scalarType({ kind, precision, scale }: SourceColumn, abilities: Abilities): string {
  if (kind === 'decimal') return `Decimal(${precision}, ${scale})`;
  if (kind === 'bool') return abilities.hasBool ? 'Bool' : 'UInt8';
  // Date of servers without Date32 ends in 2105 and begins in 1970.
  if (kind === 'date') return abilities.hasDate32 ? 'Date32' : 'String';
  if (kind === 'timestamp' || kind === 'timestamptz')
    return abilities.hasDateTime64 ? "DateTime64(6, 'UTC')" : 'String';
  return PLAIN[kind] ?? 'String';
}

/**
 * Returns the JSON text of a value for JSONEachRow: 'null' also where the server has no such value.
 * @param json the value as Postgres's to_json or the envelope has it
 * @param text Postgres's text of the value, where the JSON does not determine it
 */
export function clickhouseValue(
  column: SourceColumn,
  json: string,
  text: string | undefined,
  abilities: Abilities,
): string {
  const { kind, isArray } = column;
  if (isArray) return json === 'null' ? '[]' : `[${elements(json, kind, abilities).join()}]`;
  if (text !== undefined && (kind === 'text' || kind === 'json')) return JSON.stringify(text);
  return scalarValue(kind, json, abilities);
}

/** Arrays of several dimensions become one. */
function elements(json: string, kind: Kind, abilities: Abilities): string[] {
  return sliceArray(json).flatMap((element) =>
    kind !== 'json' && element.startsWith('[')
      ? elements(element, kind, abilities)
      : [scalarValue(kind, element, abilities)],
  );
}

function scalarValue(kind: Kind, json: string, abilities: Abilities): string {
  if (json === 'null') return 'null';
  switch (kind) {
    case 'decimal':
      // NaN is a string in JSON, and no value of a Decimal.
      return json.startsWith('"') ? 'null' : json;
    case 'json':
      return JSON.stringify(json);
    case 'text':
      return json.startsWith('"') ? json : JSON.stringify(json);
    case 'date':
      return abilities.hasDate32 ? dateValue(json) : json;
    case 'timestamp':
    case 'timestamptz':
      return abilities.hasDateTime64 ? timestampValue(json) : json;
    default:
      return json;
  }
}

/** The years that every version with Date32 and DateTime64 has. */
const FIRST_YEAR = 1925;
const LAST_YEAR = 2282;

function dateValue(json: string): string {
  const [, year = 0] = /^"(\d{4})-\d\d-\d\d"$/.exec(json) ?? [];
  return isInRange(Number(year)) ? json : 'null';
}

/** Both sources render timestamptz in UTC. */
function timestampValue(json: string): string {
  const [, year = 0, date, time] = /^"((\d{4})-\d\d-\d\d)T([\d:.]+)(?:\+00:00)?"$/.exec(json)
    ? (/^"(\d{4})(-\d\d-\d\d)T([\d:.]+)/.exec(json) as RegExpExecArray)
    : [];
  return isInRange(Number(year)) ? `"${year}${date} ${time}"` : 'null';
}

const isInRange = (year: number) => year >= FIRST_YEAR && year <= LAST_YEAR;
