import { arrayLiteral, type Query, withConnection } from '@tidemark/db';

export interface Facts {
  version: string;
  versionNumber: number;
  user: string;
  database: string;
  walLevel: string;
  isStandby: boolean;
  isSuperuser: boolean;
  replicates: boolean;
  mayCreateSchemas: boolean;
  mayCreateRoles: boolean;
  isMonitor: boolean;
  isMigrated: boolean;
  missingRoles: string[];
  /** Roles that exist, and that the user may neither SET ROLE to nor grant to itself. */
  unreachableRoles: string[];
  /** The database that the slot belongs to; null without a slot. */
  slotDatabase: string | null;
  freeSlots: number;
  freeSenders: number;
  freeConnections: number;
  isEncrypted: boolean;
  /** Null for a unix socket. */
  address: string | null;
  isBehindPooler: boolean;
  hasStatements: boolean;
  /** Published tables whose UPDATE and DELETE Postgres refuses. */
  withoutIdentity: string[];
  schemas: { schema: string; tables: number; readable: number; first: string | null }[];
  foreignTypes: ForeignTypes[];
}

/** Types of columns of the exposed schemas that are in a schema which requests do not search. */
export interface ForeignTypes {
  schema: string;
  types: string[];
  columns: number;
  /** Whether the reader may use the schema. */
  usable: boolean;
}

export interface FactOptions {
  readonly slot: string;
  readonly publication: string;
  readonly schemas: readonly string[];
  /** DB_EXTRA_SEARCH_PATH. */
  readonly searched: readonly string[];
}

/** The role that the tables are counted for. */
export const READER = 'authenticated';
const ROLES = ['anon', 'authenticated', 'service_role', 'ops', 'tidemark_none'];

export function readFacts(url: string, { slot, publication, schemas, searched }: FactOptions): Promise<Facts> {
  return withConnection(url, 'doctor', async (query, { isBehindPooler }) => {
    const [server] = await query<Record<string, unknown>>(SERVER, [arrayLiteral(ROLES), slot, publication]);
    const types = await query(FOREIGN_TYPES, [
      arrayLiteral(schemas),
      READER,
      arrayLiteral(['pg_catalog', ...schemas, ...searched]),
    ]);
    return {
      ...(server as unknown as Facts),
      isBehindPooler,
      schemas: await readSchemas(query, schemas),
      foreignTypes: types as unknown as ForeignTypes[],
    };
  });
}

const SERVER = `
with me as (select * from pg_roles where rolname = current_user)
select current_setting('server_version') as version, current_setting('server_version_num')::int as "versionNumber",
  current_user::text as "user", current_database()::text as database, current_setting('wal_level') as "walLevel",
  pg_is_in_recovery() as "isStandby", me.rolsuper as "isSuperuser",
  me.rolsuper or me.rolreplication or exists (
    select from pg_roles r where r.rolname = 'rds_replication' and pg_has_role(r.oid, 'member')) as replicates,
  has_database_privilege(current_database(), 'create') as "mayCreateSchemas",
  me.rolsuper or me.rolcreaterole as "mayCreateRoles",
  pg_has_role('pg_monitor', 'member') as "isMonitor",
  to_regclass('tidemark.migrations') is not null as "isMigrated",
  (select coalesce(json_agg(n), '[]') from unnest($1::text[]) n where to_regrole(n) is null) as "missingRoles",
  (select coalesce(json_agg(r.rolname), '[]') from pg_roles r where r.rolname = any ($1::text[])
    and not me.rolsuper and not pg_has_role(r.oid, 'member')
    and not (me.rolcreaterole and current_setting('server_version_num')::int < 160000)
    and not exists (select from pg_auth_members m where m.roleid = r.oid and m.member = me.oid and m.admin_option)) as "unreachableRoles",
  (select database::text from pg_replication_slots where slot_name = $2) as "slotDatabase",
  current_setting('max_replication_slots')::int - (select count(*) from pg_replication_slots)::int as "freeSlots",
  current_setting('max_wal_senders')::int - (select count(*) from pg_stat_activity where backend_type = 'walsender')::int as "freeSenders",
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as "freeConnections",
  coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as "isEncrypted",
  host(inet_server_addr()) as address,
  exists (select from pg_extension where extname = 'pg_stat_statements') as "hasStatements",
  (select coalesce(json_agg(format('%I.%I', p.schemaname, p.tablename)), '[]') from pg_publication_tables p
    join pg_namespace n on n.nspname = p.schemaname join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
    where p.pubname = $3 and c.relkind = 'r' and (c.relreplident = 'n' or c.relreplident = 'd'
      and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and i.indimmediate))) as "withoutIdentity"
from me`;

/** Partitions count with their table. */
const SCHEMAS = `
select s as schema, count(c.oid)::int as tables,
  count(c.oid) filter (where has_schema_privilege(r.oid, n.oid, 'usage') and has_any_column_privilege(r.oid, c.oid, 'select'))::int as readable,
  min(c.relname::text) filter (where not coalesce(has_any_column_privilege(r.oid, c.oid, 'select'), false)) as first
from unnest($1::text[]) s join pg_namespace n on n.nspname = s
  left join pg_roles r on r.rolname = $2
  left join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
group by 1 order by 1`;

/** An array has the schema of its elements. */
const FOREIGN_TYPES = `
select tn.nspname as schema, json_agg(distinct t.typname order by t.typname) as types, count(*)::int as columns,
  coalesce(bool_and(has_schema_privilege(r.oid, tn.oid, 'usage')), true) as usable
from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type at on at.oid = a.atttypid
  join pg_type t on t.oid = case when at.typcategory = 'A' then at.typelem else at.oid end
  join pg_namespace tn on tn.oid = t.typnamespace
  left join pg_roles r on r.rolname = $2
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not tn.nspname = any ($3::text[])
group by 1 order by 1`;

async function readSchemas(query: Query, schemas: readonly string[]): Promise<Facts['schemas']> {
  const rows = await query(SCHEMAS, [arrayLiteral(schemas), READER]);
  return rows as unknown as Facts['schemas'];
}
