/** Reads all that decides what roles may follow of some tables. While it says the same, facts are not read again. */
import type { Pool } from '@tidemark/db';
import { arrayLiteral, ROLES_SQL } from '@tidemark/db';
import { definitionsSql, ROLES_VERSION_SQL } from './definition-sql.ts';
import { definitionKey } from './known-definitions.ts';
import type { TableName } from './look.ts';

export interface RightsLook {
  of(table: TableName): string;
}

const TIMEOUT_MS = 5_000;
const FIRST_OWN_OID = 16_384;

/** The oid of a catalog row and the transaction that wrote it identify a version of the row. */
const rowsOf = (catalog: string, where = 'true', row = 'x.oid, x.xmin') => `(
  select pg_catalog.count(*) || ' ' || coalesce(sum(pg_catalog.hashtextextended(row(${row})::text, 0)), 0)
  from pg_catalog.${catalog} x where ${where})`;
const OWN = `x.oid >= ${FIRST_OWN_OID}`;

/** Rows that no definition covers ($4: tables that policies read), without statistics, indexes and temporary tables. */
const OTHERS = `concat_ws(' ', ${[
  ROLES_VERSION_SQL,
  ROLES_SQL,
  rowsOf('pg_proc', OWN),
  rowsOf('pg_policy'),
  rowsOf('pg_rewrite', OWN),
  rowsOf('pg_operator', OWN),
  rowsOf('pg_language', OWN),
  rowsOf('pg_namespace', `x.nspname !~ '^pg_(toast_)?temp_'`),
  rowsOf('pg_db_role_setting', 'true', 'x.setdatabase, x.setrole, x.xmin'),
  rowsOf('pg_inherits', 'true', 'x.inhrelid, x.inhparent, x.xmin'),
  rowsOf('pg_publication'),
  rowsOf('pg_publication_rel'),
  rowsOf('pg_publication_namespace'),
  rowsOf('pg_attribute', 'x.attrelid = any ($4::oid[])', 'x.attrelid, x.attnum, x.xmin'),
  rowsOf(
    'pg_class',
    `${OWN} and x.relkind in ('r', 'p', 'v', 'm', 'f') and x.relpersistence <> 't'`,
    'x.oid, x.relname, x.relnamespace, x.relkind, x.relowner, x.relacl, x.relrowsecurity, x.relforcerowsecurity',
  ),
].join(', ')})`;

const among = '(s.nspname, c.relname) in (select * from unnest($2::text[], $3::text[]))';
const LOOK = `select '' as schema, '' as "table", ${OTHERS} as version
union all select d.schema, d.table, d.version from (${definitionsSql({ publication: '$1', among })}) d`;

/** `read` has the numbers of the tables that policies read. */
export async function lookAtRights(
  pool: Pool,
  publication: string,
  tables: readonly TableName[],
  read: readonly number[],
): Promise<RightsLook> {
  const params = [
    publication,
    arrayLiteral(tables.map(({ schema }) => schema)),
    arrayLiteral(tables.map(({ table }) => table)),
    arrayLiteral(read.map(String)),
  ];
  const rows = await pool.query<{ schema: string; table: string; version: string }>(LOOK, params, {
    timeoutMs: TIMEOUT_MS,
    holder: { route: 'live rights' },
  });
  const versions = new Map(rows.map((row) => [definitionKey(row), row.version]));
  const others = versions.get(definitionKey({ schema: '', table: '' }));
  return { of: (table) => `${others} ${versions.get(definitionKey(table))}` };
}
