/** A value of the template → SQL, in the forms that columns, JSON and texts need. */
import { literal } from '@tidemark/db';
import { errors } from '../errors.ts';
import { hashSql, int8, type Place, pickSql } from './random.ts';
import type { TemplateValue } from './template.ts';
import { WORDS } from './words.ts';

interface ValueSql {
  text: string;
  /** An argument of jsonb_build_object and to_jsonb. */
  json: string;
  /** The value itself, for columns of these types, as format_type names them. Others are cast from the text. */
  native?: { sql: string; types: readonly string[] };
}

export interface Compiler {
  seed: number;
  /** Keeps the query, and returns its number among the references. */
  refer(query: { query: string; schema?: string }): number;
}

type Makers = { [K in Exclude<keyof TemplateValue, 'weights' | 'nulls'>]-?: Maker<NonNullable<TemplateValue[K]>> };
type Maker<T> = (value: T, place: Place, compiler: Compiler, whole: TemplateValue) => ValueSql;

const INTEGERS = ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision'];
const DECIMALS = ['numeric', 'real', 'double precision'];
const DAY_MS = 86_400_000;

const refuse = ({ path }: Place, problem: string) => errors.TEMPLATE({ path, problem });
const number = (sql: string, types: readonly string[]): ValueSql => ({
  text: `(${sql})::text`,
  json: sql,
  native: { sql, types },
});
/** An element of a JSON list that is SQL, at an index that is SQL. Access by index takes the same time in long lists. */
const element = (list: string, index: string): ValueSql => ({
  text: `(${list} ->> (${index})::int4)`,
  json: `(${list} -> (${index})::int4)`,
});
const listSql = (values: readonly unknown[]) => `${literal(JSON.stringify(values))}::jsonb`;

const makers: Makers = {
  sequence: ({ start = 1, step = 1 }, { record }) =>
    number(`(${int8(BigInt(start))} + ${int8(BigInt(step))} * ${record})`, INTEGERS),

  integer({ min, max }, place) {
    return number(`(${int8(BigInt(min))} + ${pickSql(place, 'value', span(place, min, max))})`, INTEGERS);
  },

  decimal({ min, max, scale }, place) {
    const [least, most] = [min, max].map((end) => BigInt(Math.round(end * 10 ** scale)));
    if (most! - least! > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse(place, 'there are more than 2^53 such numbers');
    const units = `(${int8(least!)} + ${pickSql(place, 'value', span(place, least!, most!))})`;
    return number(`(${units} * 1e-${scale}::numeric(${scale + 1}, ${scale}))`, DECIMALS);
  },

  date({ from, to }, place) {
    const [first, last] = [from, to].map((day) => timeOf(place, day) / DAY_MS);
    const days = `(${pickSql(place, 'value', span(place, first!, last!))})::int4`;
    const sql = `(${literal(from)}::date + ${days})`;
    const text = `pg_catalog.to_char(${sql}, 'YYYY-MM-DD')`;
    return { text, json: text, native: { sql, types: ['date'] } };
  },

  time({ from, to }, place) {
    const [first, last] = [from, to].map((time) => Math.floor(timeOf(place, time) / 1_000));
    const start = new Date(first! * 1_000).toISOString();
    const seconds = pickSql(place, 'value', span(place, first!, last!));
    const sql = `(${literal(start)}::timestamptz + ${seconds} * interval '1 second')`;
    // The settings of the session must not decide how it looks.
    const text = `pg_catalog.to_char(${sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;
    return { text, json: text, native: { sql, types: ['timestamp with time zone'] } };
  },

  uuid(_value, place) {
    // The bits of version 4 and of the variant of RFC 9562.
    const high = `((${hashSql(place, 'high')} & ${int8(~0xf000n)}) | ${int8(0x4000n)})`;
    const low = `((${hashSql(place, 'low')} & ${int8(2n ** 62n - 1n)}) | ${int8(-(2n ** 63n))})`;
    const hex = (bits: string) => `pg_catalog.lpad(pg_catalog.to_hex(${bits}), 16, '0')`;
    const sql = `(${hex(high)} || ${hex(low)})::uuid`;
    return { text: `(${sql})::text`, json: sql, native: { sql, types: ['uuid'] } };
  },

  choice(values, place, _compiler, { weights }) {
    if (!weights) return element(listSql(values), pickSql(place, 'value', values.length));
    if (weights.length !== values.length) {
      throw refuse(place, `it has ${values.length} values and ${weights.length} weights`);
    }
    let total = 0;
    const ends = weights.map((weight) => {
      total += weight;
      return total;
    });
    const drawn = pickSql(place, 'value', total);
    return element(listSql(values), `pg_catalog.width_bucket(${drawn}, '{${ends.slice(0, -1)}}'::int8[])`);
  },

  text({ min, max, words = [...WORDS] }, place) {
    const count = `${int8(BigInt(min))} + ${pickSql(place, 'length', span(place, min, max))}`;
    const { position, inner } = elementPlace(place, 'w');
    const word = element(listSql(words), pickSql(inner, 'word', words.length)).text;
    const sql = `(select coalesce(pg_catalog.string_agg(${word}, ' '), '') from pg_catalog.generate_series(1::int8, ${count}) as ${position})`;
    return { text: sql, json: sql };
  },

  reference(query, place, compiler) {
    // A subquery without a reference to the record runs once for a statement.
    const list = `(select pg_catalog.current_setting('tidemark.reference_${compiler.refer(query)}')::jsonb)`;
    return element(list, pickSql(place, 'value', `(select pg_catalog.jsonb_array_length(${list}))::int8`));
  },

  value(value) {
    const list = listSql([value]);
    return element(list, '0');
  },

  join(parts, place, compiler) {
    const texts = parts.map((part, n) =>
      typeof part === 'string' ? literal(part) : valueSql(part, inside(place, n), compiler).text,
    );
    const sql = `pg_catalog.concat(${texts.join(', ')})`;
    return { text: sql, json: sql };
  },

  object(members, place, compiler) {
    const pairs = Object.entries(members).map(
      ([name, member]) => `${literal(name)}, ${valueSql(member, inside(place, name), compiler).json}`,
    );
    const sql = `pg_catalog.jsonb_build_object(${pairs.join(', ')})`;
    return { text: `(${sql})::text`, json: sql };
  },

  array(array, place, compiler) {
    const { from, of } = elements(array, place, compiler);
    const sql = `(select coalesce(pg_catalog.jsonb_agg(${of.json}), '[]') from ${from})`;
    return { text: `(${sql})::text`, json: sql };
  },
};

/** @throws BATCH_TEMPLATE with the path of the value */
export function valueSql(value: TemplateValue, place: Place, compiler: Compiler): ValueSql {
  const named = (Object.keys(makers) as (keyof Makers)[]).filter((name) => Object.hasOwn(value, name));
  const [name] = named;
  if (name === undefined || named.length > 1) {
    throw refuse(place, `a value has one of ${Object.keys(makers).join(', ')}, not ${named.join(' and ') || 'none'}`);
  }
  if (value.weights && name !== 'choice') throw refuse(place, 'weights are for choice');
  const made = (makers[name] as Maker<unknown>)(value[name], place, compiler, value);
  return value.nulls ? withNulls(made, value.nulls, place) : made;
}

/** Returns the FROM of an array's elements, and each of them. */
export function elements(
  { of, min, max }: NonNullable<TemplateValue['array']>,
  place: Place,
  compiler: Compiler,
): { from: string; of: ValueSql } {
  const count = `${int8(BigInt(min))} + ${pickSql(place, 'length', span(place, min, max))}`;
  const { position, inner } = elementPlace(inside(place, 'of'), 'a');
  return {
    from: `pg_catalog.generate_series(1::int8, ${count}) as ${position}`,
    of: valueSql(of, inner, compiler),
  };
}

function elementPlace(place: Place, prefix: string): { position: string; inner: Place } {
  const alias = `"${prefix}${place.positions.length}"`;
  return {
    position: `${alias} ("n")`,
    inner: { ...place, positions: [...place.positions, `${alias}."n"`] },
  };
}

const inside = (place: Place, name: string | number): Place => ({ ...place, path: `${place.path}/${name}` });

const PARTS = 1_000_000;
function withNulls({ text, json, native }: ValueSql, share: number, place: Place): ValueSql {
  const isNull = `${pickSql(place, 'null', PARTS)} < ${Math.round(share * PARTS)}`;
  const orNull = (sql: string) => `case when ${isNull} then null else ${sql} end`;
  return {
    text: `(${orNull(text)})`,
    json: `(${orNull(json)})`,
    ...(native && { native: { ...native, sql: `(${orNull(native.sql)})` } }),
  };
}

function span(place: Place, min: number | bigint, max: number | bigint): bigint {
  if (max < min) throw refuse(place, `it ends at ${max}, before it begins at ${min}`);
  return BigInt(max) - BigInt(min) + 1n;
}

function timeOf(place: Place, text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw refuse(place, `"${text}" is no date`);
  return ms;
}
