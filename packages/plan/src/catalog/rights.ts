import { arrayLiteral, type Pool } from '@tidemark/db';

export interface ColumnRights {
  readonly select: boolean;
  readonly insert: boolean;
  readonly update: boolean;
}

export interface Rights {
  table(
    schema: string,
    name: string,
  ): { readonly columns: ReadonlyMap<string, ColumnRights>; delete: boolean } | undefined;
  /** `args` are the argument types as in the catalog. Returns false for computed columns of a table without any right. */
  mayCall(schema: string, name: string, args: readonly string[]): boolean;
}

const TABLES = `
select n.nspname as schema, c.relname as name, has_table_privilege(c.oid, 'delete') as "mayDelete",
       (select json_object_agg(a.attname, json_build_object(
                 'select', has_column_privilege(c.oid, a.attnum, 'select'),
                 'insert', has_column_privilege(c.oid, a.attnum, 'insert'),
                 'update', has_column_privilege(c.oid, a.attnum, 'update')))
          from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any ($1) and c.relkind in ('r','v','m','f','p') and has_schema_privilege(n.oid, 'usage')
   and (has_any_column_privilege(c.oid, 'select, insert, update') or has_table_privilege(c.oid, 'delete'))`;

/**
 * Every role may call computed columns by default, and their arguments would reveal the names of tables without a
 * right.
 */
const FUNCTIONS = `
select n.nspname as schema, p.proname as name,
       coalesce((select json_agg(format_type(u.type, -1) order by u.ord)
                   from unnest(p.proargtypes::oid[]) with ordinality as u(type, ord)), '[]') as args
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = any ($1) and p.prokind = 'f' and has_schema_privilege(n.oid, 'usage')
   and has_function_privilege(p.oid, 'execute')
   and not exists (
     select from unnest(p.proargtypes::oid[]) a(type) join pg_type t on t.oid = a.type join pg_class c on c.oid = t.typrelid
      where c.relkind in ('r','v','m','f','p')
        and not (has_any_column_privilege(c.oid, 'select, insert, update') or has_table_privilege(c.oid, 'delete')))`;

interface TableRow {
  schema: string;
  name: string;
  mayDelete: boolean;
  columns: Record<string, ColumnRights> | null;
}

/** Reads from the primary, because a replica may not have replayed the GRANT that changed the catalog. */
export async function readRights(pool: Pool, role: string, schemas: readonly string[]): Promise<Rights> {
  const exposed = [arrayLiteral([...schemas])];
  const [tables, functions] = await pool.transaction(
    (tx) =>
      Promise.all([
        tx.query<TableRow>(TABLES, exposed),
        tx.query<{ schema: string; name: string; args: string[] }>(FUNCTIONS, exposed),
      ]),
    { identity: { role, claims: '{}' }, readOnly: true, holder: { route: 'GET /openapi.json' } },
  );
  const key = (...parts: readonly string[]) => parts.join('\0');
  const byName = new Map(
    tables.map((row) => [
      key(row.schema, row.name),
      { columns: new Map(Object.entries(row.columns ?? {})), delete: row.mayDelete },
    ]),
  );
  const callable = new Set(functions.map((row) => key(row.schema, row.name, ...row.args)));
  return {
    table: (schema, name) => byName.get(key(schema, name)),
    mayCall: (schema, name, args) => callable.has(key(schema, name, ...args)),
  };
}
