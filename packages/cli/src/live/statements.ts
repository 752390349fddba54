import { identifier, type Pool } from '@tidemark/db';

export type Db = Pick<Pool, 'query'>;

export interface LiveTable {
  schema: string;
  table: string;
  /** `r` ordinary table, `p` partitioned table; other kinds cannot be live. */
  kind: string;
  /** `u` unlogged, `t` temporary: changes are not in the WAL. */
  persistence: string;
  /** `d`efault, `n`othing, `f`ull, `i`ndex. */
  identity: string;
  key: string[];
  security: boolean;
  policies: { name: string; using: string | null }[];
  readers: string[];
  published: boolean;
  /** Published by FOR ALL TABLES or with its schema, so that it cannot be removed alone. */
  wholesale: boolean;
  otherPublications: string[];
  /** The table has parents or children by inheritance other than partitions. */
  inherits: boolean;
  /** The published partitioned table that the table belongs to. */
  parentPublished: string | null;
  isSystem: boolean;
  /** Postgres checks a deferrable primary key at the end of a transaction, and does not identify rows by it. */
  isKeyDeferrable: boolean;
  operations: string | null;
  /** Average bytes of a row, from ANALYZE; null before the first one. */
  rowBytes: number | null;
}

const TABLES = `
select n.nspname as schema, c.relname as table, c.relkind::text as kind, c.relpersistence::text as persistence,
  c.relreplident::text as identity, c.relrowsecurity as security,
  coalesce((select json_agg(a.attname order by k.n)
    from pg_index i cross join unnest(i.indkey) with ordinality as k (attnum, n)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = c.oid and i.indisprimary), '[]') as key,
  coalesce((select json_agg(json_build_object('name', p.polname, 'using', pg_get_expr(p.polqual, p.polrelid)) order by p.polname)
    from pg_policy p where p.polrelid = c.oid and p.polcmd in ('r', '*')), '[]') as policies,
  coalesce((select json_agg(r.rolname order by r.rolname) from pg_roles r
    where r.rolname in ('anon', 'authenticated', 'service_role', 'ops')
      and has_schema_privilege(r.oid, n.oid, 'usage') and has_any_column_privilege(r.oid, c.oid, 'select')), '[]') as readers,
  exists (select from pg_publication_tables p where p.pubname = $1 and p.schemaname = n.nspname and p.tablename = c.relname)
    as published,
  not exists (select from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
    where p.pubname = $1 and r.prrelid = c.oid) as wholesale,
  exists (select from pg_inherits h where c.oid in (h.inhrelid, h.inhparent) and not c.relispartition and c.relkind <> 'p') as inherits,
  (select a.relid::regclass::text from pg_partition_ancestors(c.oid) a join pg_class r on r.oid = a.relid
     join pg_namespace rn on rn.oid = r.relnamespace
     join pg_publication_tables p on p.pubname = $1 and p.schemaname = rn.nspname and p.tablename = r.relname
    where a.relid <> c.oid limit 1) as "parentPublished",
  (n.nspname like 'pg\\_%' or n.nspname = 'information_schema') as "isSystem",
  coalesce((select not i.indimmediate from pg_index i where i.indrelid = c.oid and i.indisprimary), false) as "isKeyDeferrable",
  (select concat_ws(', ', case when pubinsert then 'insert' end, case when pubupdate then 'update' end,
      case when pubdelete then 'delete' end, case when pubtruncate then 'truncate' end)
     from pg_publication where pubname = $1) as operations,
  coalesce((select json_agg(distinct p.pubname) from pg_publication_tables p
    where p.pubname <> $1 and p.schemaname = n.nspname and p.tablename = c.relname), '[]') as others,
  (select sum(s.avg_width) from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname)::int as bytes
from pg_class c join pg_namespace n on n.oid = c.relnamespace`;

export async function findTable(db: Db, publication: string, schema: string, table: string) {
  const rows = await db.query(`${TABLES} where n.nspname = $2 and c.relname = $3`, [publication, schema, table]);
  return rows[0] && read(rows[0]);
}

export async function publishedTables(db: Db, publication: string): Promise<LiveTable[]> {
  const rows = await db.query(
    `${TABLES} where exists (select from pg_publication_tables p
       where p.pubname = $1 and p.schemaname = n.nspname and p.tablename = c.relname) order by 1, 2`,
    [publication],
  );
  return rows.map(read);
}

function read(row: Record<string, unknown>): LiveTable {
  const { others, bytes, ...table } = row;
  return { ...table, otherPublications: others, rowBytes: bytes } as unknown as LiveTable;
}

/** Includes stored generated columns if Postgres can publish them: the relay cannot add them later. */
export async function creatingPublication(db: Db, publication: string): Promise<string | undefined> {
  const [row] = await db.query<{ there: boolean; version: number }>(
    `select exists (select from pg_publication where pubname = $1) as there, current_setting('server_version_num')::int as version`,
    [publication],
  );
  if (row?.there) return undefined;
  const generated = Number(row?.version) >= GENERATED_COLUMNS ? ', publish_generated_columns = stored' : '';
  return `create publication ${identifier(publication)} with (publish_via_partition_root = true${generated})`;
}

const GENERATED_COLUMNS = 180_000;

export const qualified = (table: { schema: string; table: string }) =>
  `${identifier(table.schema)}.${identifier(table.table)}`;

/** Rejects when the policy cannot be evaluated for rows that are not in the table, as for live changes. */
export async function tryPolicy(db: Db, table: LiveTable, using: string): Promise<void> {
  const name = qualified(table);
  await db.query(
    `select from jsonb_populate_recordset(null::${name}, '[]') as ${identifier(table.table)} where ${using}`,
  );
}
