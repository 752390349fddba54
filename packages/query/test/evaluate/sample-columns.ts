/** A column of each supported type, with difficult values, patterns and expressions. */
import fc from 'fast-check';
import type { ColumnType } from '../../src/index.ts';

export interface Column {
  name: string;
  ddl: string;
  type: ColumnType;
  /** Texts that Postgres reads as values of the type; many of them equal one another. */
  values: readonly string[];
  random: fc.Arbitrary<string>;
}

export const text = fc.string({
  unit: fc.constantFrom('a', 'A', 'b', 'ß', 'É', 'é', 'İ', 'Σ', 'ς', '𝄞', '𐐀', '\uffee', ' ', '%', '_', '\\', '1'),
  maxLength: 5,
});
const TEXTS = [
  '',
  'a',
  'A',
  'ab',
  'aB',
  'abc',
  'b ',
  'a_b',
  'a%b',
  'é',
  'É',
  'Σας',
  '𐐀',
  '𐐨',
  '𝄞x',
  '\uffee',
  'İ',
  'K',
  'k',
  'x\ny',
  '10',
  '9',
];
const integers = (bits: number) =>
  fc.oneof(
    fc.integer({ min: -3, max: 3 }).map(String),
    fc.bigInt(-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n).map(String),
  );
const timestamps = [
  '2024-02-29 12:00:00',
  '2024-02-29T12:00:00.5',
  '2024-02-29 12:00:00.500000',
  '1969-12-31 23:59:59.999999',
  '0044-03-15 00:00:00 BC',
  '294276-12-31 23:59:59.999999',
  'infinity',
  '-infinity',
  '2024-03-01',
  '0001-01-01 00:00:00.000001',
];
const date = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((value) => value.toISOString());

/** The order of the labels differs from that of their texts. */
const LABELS = ['so so', 'glad', '', 'NULL', 'a,b'];
export const TYPES_DDL = `create type mood as enum (${LABELS.map((label) => `'${label}'`).join(', ')}); create domain few as int check (value < 100);`;

export const COLUMNS: readonly Column[] = [
  {
    name: 'i2',
    ddl: 'int2',
    type: 'smallint',
    values: ['1', '+1', ' 01 ', '-0', '0', '32767', '-32768'],
    random: integers(16),
  },
  {
    name: 'i4',
    ddl: 'int4',
    type: 'int4',
    values: ['1', '01', '2', '2147483647', '-2147483648'],
    random: integers(32),
  },
  {
    name: 'i8',
    ddl: 'int8',
    type: 'bigint',
    values: ['1', '9007199254740993', '9007199254740992', '9223372036854775807', '-9223372036854775808'],
    random: integers(64),
  },
  {
    name: 'n',
    ddl: 'numeric',
    type: 'numeric',
    values: [
      '1',
      '1.0',
      '1.00000000000000000001',
      '10e-1',
      '.5',
      '5.',
      '-0',
      '1e30',
      '-1e-30',
      'NaN',
      'Infinity',
      '-inf',
      '123456789012345678901234567890.5',
    ],
    random: fc.tuple(integers(64), fc.nat(40)).map(([n, scale]) => `${n}e-${scale}`),
  },
  {
    name: 'n2',
    ddl: 'numeric(10,2)',
    type: 'numeric(10,2)',
    values: ['1', '1.5', '-2.25', '99999999.99'],
    random: fc.integer({ min: -9999, max: 9999 }).map((n) => String(n / 100)),
  },
  {
    name: 'f4',
    ddl: 'float4',
    type: 'real',
    values: ['0.1', '0.10000000149', '1', '16777217', '16777216', '3e38', 'NaN', '-Infinity', '-0', '0'],
    random: fc
      .float({ noDefaultInfinity: true, noNaN: true })
      .filter((n) => n === 0 || Math.abs(n) > 1e-30)
      .map(String),
  },
  {
    name: 'f8',
    ddl: 'float8',
    type: 'double precision',
    values: ['0.1', '1e300', '1', '1.0', 'NaN', 'infinity', '-0', '0', '9007199254740993'],
    random: fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
  },
  {
    name: 'b',
    ddl: 'bool',
    type: 'boolean',
    values: ['t', 'f', 'true', 'FALSE', 'yes', 'n', 'on', 'of', '1', '0'],
    random: fc.constantFrom('t', 'f'),
  },
  { name: 'tc', ddl: 'text collate "C"', type: { type: 'text', collation: 'C' }, values: TEXTS, random: text },
  {
    name: 'tu',
    ddl: 'text collate "pg_c_utf8"',
    type: { type: 'text', collation: 'pg_c_utf8' },
    values: TEXTS,
    random: text,
  },
  {
    name: 'vc',
    ddl: 'varchar(20) collate "C"',
    type: { type: 'character varying(20)', collation: 'C' },
    values: TEXTS,
    random: text,
  },
  {
    name: 'bc',
    ddl: 'char(6) collate "C"',
    type: { type: 'character(6)', collation: 'C' },
    values: TEXTS,
    random: text,
  },
  { name: 'nm', ddl: 'name', type: 'name', values: TEXTS, random: text },
  {
    name: 'u',
    ddl: 'uuid',
    type: 'uuid',
    values: [
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'A0EEBC999C0B4EF8BB6D6BB9BD380A11',
      '{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}',
      '00000000-0000-0000-0000-000000000000',
    ],
    random: fc.uuid(),
  },
  {
    name: 'd',
    ddl: 'date',
    type: 'date',
    values: ['2024-02-29', '1970-01-01', '0044-03-15 BC', 'infinity', '-infinity', '5874897-12-31', '4714-11-24 BC'],
    random: date.map((value) => value.slice(0, 10)),
  },
  {
    name: 't',
    ddl: 'time',
    type: 'time without time zone',
    values: ['00:00', '12:30:00', '12:30:00.5', '12:30:00.500000', '23:59:59.999999', '24:00:00', '12:30'],
    random: date.map((value) => value.slice(11, -1)),
  },
  {
    name: 'ttz',
    ddl: 'timetz',
    type: 'time with time zone',
    values: [
      '12:00+00',
      '12:00:00+00:00',
      '14:00+02',
      '10:00-02',
      '24:00:00-15:59',
      '00:00+15:59:59',
      '12:00:00.25+00',
    ],
    random: date.map((value) => `${value.slice(11, -1)}+05:30`),
  },
  {
    name: 'e',
    ddl: 'mood',
    type: { type: 'mood', labels: LABELS },
    values: LABELS,
    random: fc.constantFrom(...LABELS),
  },
  {
    name: 'dom',
    ddl: 'few',
    type: 'integer',
    values: ['1', '7', ' 7 ', '50'],
    random: fc.integer({ min: 0, max: 99 }).map(String),
  },
  {
    name: 'ts',
    ddl: 'timestamp',
    type: 'timestamp without time zone',
    values: timestamps,
    random: date.map((value) => value.slice(0, -1)),
  },
  {
    name: 'tz',
    ddl: 'timestamptz',
    type: 'timestamp with time zone',
    values: [
      ...timestamps,
      '2024-02-29 12:00:00Z',
      '2024-02-29 14:00:00+02',
      '2024-02-29T07:30:00-04:30',
      '2024-02-29 12:00:00+0000',
      '2024-02-29 12:00:01+00:00:01',
    ],
    random: date,
  },
];
