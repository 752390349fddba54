/** Loads the types that a schema defines (enums, composite types, rows and domains), by the name that format_type prints. */
import type { Pool } from '@tidemark/db';
import { arrayLiteral } from '@tidemark/db';

export interface EnumType {
  kind: 'enum';
  schema: string;
  name: string;
  values: readonly string[];
}

export interface CompositeType {
  kind: 'composite';
  schema: string;
  name: string;
  attributes: readonly ResultColumn[];
}

export type OwnType =
  | EnumType
  | CompositeType
  | { kind: 'row'; schema: string; name: string }
  | { kind: 'domain'; base: string };

/** The catalog does not know the types of a function's result. */
export interface ResultColumn {
  name: string;
  type: string;
}

const OWN_TYPES = `
select format_type(t.oid, null) as printed, n.nspname as schema, t.typname as name, t.typtype::text as kind, c.relkind::text as relation,
  format_type(t.typbasetype, t.typtypmod) as base,
  (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as values,
  (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
     from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) as attributes
from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
where t.typtype in ('e', 'c', 'd') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by n.nspname, t.typname`;

const RESULT_COLUMNS = `
select n.nspname as schema, p.proname as name, p.oid::int8::text as oid,
  (select json_agg(json_build_object('name', coalesce(nullif(p.proargnames[u.ord], ''), 'column' || u.ord), 'type', format_type(u.type, null)) order by u.ord)
     from unnest(p.proallargtypes, p.proargmodes) with ordinality as u(type, mode, ord) where u.mode in ('o', 'b', 't')) as columns
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = any ($1) and p.proargmodes is not null
order by n.nspname, p.proname, p.oid`;

interface TypeRow {
  printed: string;
  schema: string;
  name: string;
  kind: 'e' | 'c' | 'd';
  relation: string | null;
  base: string;
  values: string[] | null;
  attributes: ResultColumn[] | null;
}

export async function loadOwnTypes(pool: Pool): Promise<ReadonlyMap<string, OwnType>> {
  const rows = await pool.query<TypeRow>(OWN_TYPES);
  return new Map(rows.map((row) => [row.printed, toOwnType(row)]));
}

function toOwnType({ kind, relation, schema, name, base, values, attributes }: TypeRow): OwnType {
  if (kind === 'e') return { kind: 'enum', schema, name, values: values ?? [] };
  if (kind === 'd') return { kind: 'domain', base };
  if (relation !== 'c') return { kind: 'row', schema, name };
  return { kind: 'composite', schema, name, attributes: attributes ?? [] };
}

/** The catalog distinguishes overloads by their column names. */
export async function loadResultColumns(pool: Pool, schemas: readonly string[]): Promise<Map<string, ResultColumn[]>> {
  const rows = await pool.query<{ schema: string; name: string; columns: ResultColumn[] | null }>(RESULT_COLUMNS, [
    arrayLiteral([...schemas]),
  ]);
  return new Map(
    rows.flatMap(({ schema, name, columns }) =>
      columns
        ? [
            [
              resultKey(
                schema,
                name,
                columns.map((c) => c.name),
              ),
              columns,
            ],
          ]
        : [],
    ),
  );
}

export const resultKey = (schema: string, name: string, columns: readonly string[]): string =>
  JSON.stringify([schema, name, columns]);
