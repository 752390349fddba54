import type { Column } from '@tidemark/plan';
/** Postgres types as JSON Schema 2020-12, for the JSON that Postgres's functions render. */

export type Schema = Readonly<Record<string, unknown>>;

/** A Map, since a user's type may be called `constructor`. */
const PLAIN: ReadonlyMap<string, Schema> = new Map<string, Schema>(
  Object.entries({
    smallint: { type: 'integer', minimum: -32_768, maximum: 32_767 },
    integer: { type: 'integer', format: 'int32' },
    bigint: { type: 'integer', format: 'int64' },
    real: { type: 'number', format: 'float' },
    'double precision': { type: 'number', format: 'double' },
    numeric: { type: 'number' },
    boolean: { type: 'boolean' },
    uuid: { type: 'string', format: 'uuid' },
    date: { type: 'string', format: 'date' },
    'timestamp with time zone': { type: 'string', format: 'date-time' },
  }),
);
const ANY = new Set(['json', 'jsonb', 'record', 'anyelement']);
const TEXTS = new Set(
  'text,character varying,character,name,citext,bytea,inet,cidr,macaddr,interval,money,xml,tsvector,tsquery,bit,bit varying,point,time without time zone,time with time zone,timestamp without time zone'.split(
    ',',
  ),
);

/** Types as format_type prints them, such as `character varying(80)[]`. */
export function typeSchema(type: string): Schema {
  if (type.endsWith('[]')) return { type: 'array', items: typeSchema(type.slice(0, -2)) };
  const [, name = type, modifier, rest = ''] = /^([^(]*)(?:\((\d+)(?:,-?\d+)?\))?(.*)$/.exec(type) ?? [];
  const base = `${name.trim()}${rest}`;
  const plain = PLAIN.get(base);
  if (plain) return plain;
  if (base.startsWith('character') && modifier) return { type: 'string', maxLength: Number(modifier) };
  if (TEXTS.has(base) || /range$/.test(base)) return { type: 'string' };
  // The JSON of composite types, domains and types of extensions is not known here.
  return ANY.has(base) ? {} : { description: `of type ${type}` };
}

export function columnSchema(column: Column, more: Schema = {}): Schema {
  const values = column.enumValues;
  const base = values ? { type: 'string', enum: values } : typeSchema(column.type);
  const nullable =
    column.nullable && typeof base.type === 'string'
      ? { ...base, type: [base.type, 'null'], ...(values ? { enum: [...values, null] } : {}) }
      : base;
  const description = [column.comment, nullable.description].filter(Boolean).join(', ');
  return { ...nullable, ...(description ? { description } : {}), 'x-postgres-type': column.type, ...more };
}
