import type { OwnType } from './type-names.ts';

const NUMBERS = new Set(['smallint', 'integer', 'bigint', 'real', 'double precision', 'numeric', 'oid']);
const TEXTS = new Set(
  'text,character varying,character,"char",name,citext,uuid,date,bytea,inet,cidr,macaddr,macaddr8,interval,money,xml,tsvector,tsquery,bit,bit varying,point,line,lseg,box,path,polygon,circle,time without time zone,time with time zone,timestamp without time zone,timestamp with time zone,pg_lsn,regclass,hstore,ltree'.split(
    ',',
  ),
);
/** Postgres allows any depth; real schemas stay far below this. */
const MAX_DEPTH = 16;

export interface TypeScope {
  own: ReadonlyMap<string, OwnType>;
  /** The rendered schemas; types of other schemas are written out. */
  schemas: readonly string[];
}

/** `printed` is as format_type prints it: `character varying(80)[]`. */
export function typescriptType(printed: string, scope: TypeScope, depth = 0): string {
  if (depth > MAX_DEPTH) return 'unknown';
  if (printed.endsWith('[]')) return arrayOf(typescriptType(printed.slice(0, -2), scope, depth));
  const own = scope.own.get(printed);
  if (own) return ownType(own, scope, depth);
  const base = printed.replace(/\([^)]*\)/, '').trim();
  if (NUMBERS.has(base)) return 'number';
  if (base === 'boolean') return 'boolean';
  if (base === 'json' || base === 'jsonb') return 'Json';
  if (base === 'void') return 'undefined';
  if (base === 'record') return 'Record<string, unknown>';
  if (TEXTS.has(base) || /range$/.test(base)) return 'string';
  return 'unknown';
}

function ownType(own: OwnType, scope: TypeScope, depth: number): string {
  if (own.kind === 'domain') return typescriptType(own.base, scope, depth + 1);
  const at = `Database[${JSON.stringify(own.schema)}]`;
  const name = JSON.stringify(own.name);
  const isRendered = scope.schemas.includes(own.schema);
  if (own.kind === 'enum') return isRendered ? `${at}['Enums'][${name}]` : unionOf(own.values);
  if (!isRendered) return 'Record<string, unknown>';
  return own.kind === 'row' ? `${at}['Tables'][${name}]['Row']` : `${at}['CompositeTypes'][${name}]`;
}

export const unionOf = (values: readonly string[]): string =>
  values.length === 0 ? 'never' : values.map((value) => JSON.stringify(value)).join(' | ');

const arrayOf = (element: string) => (element.includes(' | ') ? `(${element})[]` : `${element}[]`);
