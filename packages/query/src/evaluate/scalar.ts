import {
  compareDecimals,
  type Decimal,
  type Integer,
  parseDecimal,
  parseFloat4,
  parseFloat8,
  parseInteger,
  trimBlanks,
} from './decimal.ts';
import {
  compareTimeTz,
  parseDate,
  parseTime,
  parseTimestamp,
  parseTimeTz,
  type TimeTz,
  type ZoneRule,
} from './temporal.ts';
import { type CollationKind, collationKind, compareCodePoints } from './text.ts';

export type ColumnType = string | ColumnTypeDetail;

export interface ColumnTypeDetail {
  readonly type: string;
  /** The collation's name, with `default` replaced by the database's. Without it, order and case are left to Postgres. */
  readonly collation?: string;
  /** Default true. Under a non-deterministic collation, equality is left to Postgres too. */
  readonly deterministic?: boolean;
  readonly labels?: readonly string[];
  readonly element?: ColumnTypeDetail;
  /** A row type, or a domain over one. `is null` is true for a row whose fields are all null. */
  readonly composite?: boolean;
}

/** `T` has one form for each value. A type may mix number and bigint, which JavaScript compares exactly. */
export interface Scalar<T = unknown> {
  readonly type: string;
  /** Parses a filter's constant; null if this package cannot parse it as the type. */
  readonly constant: (text: string) => T | null;
  /** Parses a row's non-null value from JSON or Postgres's text output; undefined if it is not a value of the type. */
  readonly value: (raw: unknown) => T | undefined;
  readonly compare: (a: T, b: T) => number;
  /** Whether `===` is equality on `T`. */
  readonly identity: boolean;
  /** Whether `compare` decides equality only, because the collation's order is unknown. */
  readonly equalityOnly: boolean;
  readonly key: (value: T) => string;
}

const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    smallint: 'int2',
    integer: 'int4',
    int: 'int4',
    bigint: 'int8',
    real: 'float4',
    'double precision': 'float8',
    decimal: 'numeric',
    boolean: 'bool',
    'character varying': 'varchar',
    character: 'bpchar',
    'time without time zone': 'time',
    'time with time zone': 'timetz',
    'timestamp without time zone': 'timestamp',
    'timestamp with time zone': 'timestamptz',
  }),
);

/** `numeric(10,2)` → `numeric`; `timestamp(3) with time zone` → `timestamptz`. */
export function typeName(type: ColumnType): string {
  const full = typeof type === 'string' ? type : type.type;
  const bare = full
    .replace(/\([0-9, -]*\)/, '')
    .replace(/ {2,}/g, ' ')
    .trim();
  return ALIASES.get(bare) ?? bare;
}

const INTEGER_BOUNDS: Readonly<Record<string, readonly [Integer, Integer]>> = {
  int2: [-32_768, 32_767],
  int4: [-2_147_483_648, 2_147_483_647],
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Returns null for a type that only Postgres can compare. @param timeZone zone of a timestamptz constant without an offset */
export function scalarOf(column: ColumnType, timeZone: 'UTC' | null): Scalar | null {
  const type = typeName(column);
  if (typeof column !== 'string' && column.labels) return enumScalar(type, column.labels) as Scalar;
  switch (type) {
    case 'int2':
    case 'int4':
    case 'int8':
      return integerScalar(type) as Scalar;
    case 'numeric':
      return decimalScalar as Scalar;
    case 'float4':
      return floatScalar(type, parseFloat4, Math.fround) as Scalar;
    case 'float8':
      return floatScalar(type, parseFloat8, (value) => value) as Scalar;
    case 'bool':
      return booleanScalar as Scalar;
    case 'uuid':
      return uuidScalar as Scalar;
    case 'date':
      return orderedScalar(type, parseDate) as Scalar;
    case 'timestamp':
      return timestampScalar(type, 'ignored', 'ignored') as Scalar;
    case 'timestamptz':
      return timestampScalar(type, timeZone === 'UTC' ? 'utc' : 'required', 'required') as Scalar;
    case 'time':
      return orderedScalar(type, parseTime) as Scalar;
    case 'timetz':
      return timeTzScalar as Scalar;
    case 'text':
    case 'varchar':
    case 'bpchar':
    case 'name':
      return textScalar(type, column) as Scalar | null;
    default:
      return null;
  }
}

function compareOrdered(a: number | bigint | boolean, b: number | bigint | boolean): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function integerScalar(type: string): Scalar<Integer> {
  const [min, max] = INTEGER_BOUNDS[type]!;
  const read = (text: string) => {
    const value = parseInteger(text);
    return value !== null && value >= min && value <= max ? value : null;
  };
  const value = (raw: unknown) => {
    // A number beyond 2^53 has already lost its last digits.
    if (typeof raw === 'number') return Number.isSafeInteger(raw) ? raw : undefined;
    return typeof raw === 'string' || typeof raw === 'bigint' ? (read(String(raw)) ?? undefined) : undefined;
  };
  return { type, constant: read, value, compare: compareOrdered, identity: true, equalityOnly: false, key: String };
}

const decimalScalar: Scalar<Decimal> = {
  type: 'numeric',
  constant: parseDecimal,
  value: (raw) => {
    if (typeof raw !== 'string' && typeof raw !== 'number' && typeof raw !== 'bigint') return undefined;
    return parseDecimal(String(raw)) ?? undefined;
  },
  compare: compareDecimals,
  identity: false,
  equalityOnly: false,
  key: ({ sign, exponent, digits }) => `${sign}:${exponent}:${digits}`,
};

function floatScalar(
  type: string,
  constant: (text: string) => number | null,
  round: (value: number) => number,
): Scalar<number> {
  const value = (raw: unknown) => {
    const read = typeof raw === 'number' ? raw : typeof raw === 'string' ? parseFloat8(raw) : null;
    return read === null ? undefined : round(read);
  };
  // In Postgres, NaN equals itself and is greater than all other values.
  const compare = (a: number, b: number) =>
    a < b ? -1 : a > b ? 1 : Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return { type, constant, value, compare, identity: false, equalityOnly: false, key: (read) => String(read + 0) };
}

const TRUE: ReadonlySet<string> = new Set(['t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1']);
const FALSE: ReadonlySet<string> = new Set(['f', 'fa', 'fal', 'fals', 'false', 'n', 'no', 'of', 'off', '0']);

function parseBoolean(text: string): boolean | null {
  const word = trimBlanks(text).toLowerCase();
  if (TRUE.has(word)) return true;
  return FALSE.has(word) ? false : null;
}

const booleanScalar: Scalar<boolean> = {
  type: 'bool',
  constant: parseBoolean,
  value: (raw) =>
    typeof raw === 'boolean' ? raw : typeof raw === 'string' ? (parseBoolean(raw) ?? undefined) : undefined,
  compare: compareOrdered,
  identity: true,
  equalityOnly: false,
  key: String,
};

const UUID = /^(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}$/;

/** Hyphens may follow any group of four digits; braces may surround the whole. */
function parseUuid(text: string): string | null {
  const lower = text.toLowerCase();
  const bare = lower.startsWith('{') && lower.endsWith('}') ? lower.slice(1, -1) : lower;
  return UUID.test(bare) ? bare.replaceAll('-', '') : null;
}

const uuidScalar: Scalar<string> = {
  type: 'uuid',
  constant: parseUuid,
  value: (raw) => (typeof raw === 'string' ? (parseUuid(raw) ?? undefined) : undefined),
  compare: compareCodePoints,
  identity: true,
  equalityOnly: false,
  key: String,
};

function orderedScalar<T extends number | bigint>(type: string, read: (text: string) => T | null): Scalar<T> {
  const value = (raw: unknown) => (typeof raw === 'string' ? (read(raw) ?? undefined) : undefined);
  return { type, constant: read, value, compare: compareOrdered, identity: true, equalityOnly: false, key: String };
}

function timestampScalar(type: string, constantZone: ZoneRule, valueZone: ZoneRule): Scalar<number | bigint> {
  const values = orderedScalar(type, (text) => parseTimestamp(text, valueZone));
  return { ...values, constant: (text) => parseTimestamp(text, constantZone) };
}

const timeTzScalar: Scalar<TimeTz> = {
  type: 'timetz',
  constant: parseTimeTz,
  value: (raw) => (typeof raw === 'string' ? (parseTimeTz(raw) ?? undefined) : undefined),
  compare: compareTimeTz,
  identity: false,
  equalityOnly: false,
  key: ({ micros, zone }) => `${micros}:${zone}`,
};

/** Values are the indexes of the labels. As in Postgres, other texts are not values. */
function enumScalar(type: string, labels: readonly string[]): Scalar<number> {
  const places = new Map(labels.map((label, place) => [label, place]));
  return {
    type,
    constant: (text) => places.get(text) ?? null,
    value: (raw) => (typeof raw === 'string' ? places.get(raw) : undefined),
    compare: compareOrdered,
    identity: true,
    equalityOnly: false,
    key: (place) => labels[place] as string,
  };
}

/** Postgres truncates `name` to 63 bytes; longer constants are left to Postgres. */
const NAME_BYTES = 63;

function textScalar(type: string, column: ColumnType): Scalar<string> | null {
  const detail: ColumnTypeDetail = typeof column === 'string' ? { type: column } : column;
  if (detail.deterministic === false) return null;
  const collation = collationOf(column);
  const read = type === 'bpchar' ? trimSpaces : (text: string) => text;
  const tooLong = (text: string) => type === 'name' && new TextEncoder().encode(text).length > NAME_BYTES;
  return {
    type,
    constant: (text) => (tooLong(text) ? null : read(text)),
    value: (raw) => (typeof raw === 'string' ? read(raw) : undefined),
    compare: compareCodePoints,
    identity: true,
    equalityOnly: collation === 'unknown',
    key: String,
  };
}

/** Type `name` always has the collation C. */
export function collationOf(column: ColumnType): CollationKind {
  const name = typeof column === 'string' ? undefined : column.collation;
  return collationKind(name ?? (typeName(column) === 'name' ? 'C' : undefined));
}

/** Comparisons of `char(n)` ignore trailing spaces. */
function trimSpaces(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 32) end--;
  return text.slice(0, end);
}
