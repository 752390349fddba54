/** Runs under the role, so that Postgres's functions (has_column_privilege, row_security_active) answer for it. */
import { createHash } from 'node:crypto';
import { formatTidemark, parseLsn } from '@tidemark/contracts';
import type { Database, Identity } from '@tidemark/db';
import { definitionsSql } from '../definitions/definition-sql.ts';
import { knownDefinition } from '../definitions/known-definitions.ts';
import { type Published, publishedSql } from '../definitions/publication-sql.ts';
import { RoleRights } from '../definitions/role-rights.ts';
import { errors, postgresErrors } from '../errors.ts';
import { POLICY_CATALOG, type PolicyCatalog } from '../policies/catalog.ts';
import { policyDependencies } from '../policies/policy-dependencies.ts';
import { NO_TABLES_READ, tablesRead } from '../policies/tables-read.ts';
import { type TablesReadCatalog, tablesReadCatalog } from '../policies/tables-read-catalog.ts';
import {
  BASE_TYPE,
  COLUMN_CATALOG,
  type ColumnCatalog,
  TYPE_DETAIL,
  type TypeCatalog,
  typeDetail,
} from './column-catalog.ts';
import { AFTER, type After, BEFORE, LAST_EPOCH, sinceOf } from './facts-moment.ts';
import { givenColumns } from './image-sql.ts';
import { policyReads, sourcesOf } from './policy-reads.ts';
import { type ColumnFacts, type PolicyFacts, policySql, type TableFacts } from './table-facts.ts';
import { refuseUnfollowable, UNFOLLOWABLE, type Unfollowable } from './unfollowable.ts';

interface FactsRow {
  may_schema: boolean;
  may_table: boolean;
  oid: string;
  kind: string;
  security: boolean;
  identity: string;
  columns:
    | (TypeCatalog & {
        number: number;
        name: string;
        readable: boolean;
        sql: ColumnCatalog;
      })[]
    | null;
  key: string[] | null;
  /** Whether uniqueness is checked with each row. For a deferrable key, the relay publishes net effects. */
  immediate: boolean | null;
  published: Published | null;
  policies: { name: string; permissive: boolean; using: string | null; tree: string | null }[] | null;
  catalog: PolicyCatalog;
  tables_read: TablesReadCatalog | null;
  unfollowable: Unfollowable;
  definition: string | null;
  trace: string;
}

const IS_KEY = `case when c.relreplident = 'i' then i.indisreplident else i.indisprimary end`;

const DEFINITION = `(select d.version from (${definitionsSql({ publication: '$3', only: { schema: '$1', table: '$2' } })}) as d)`;

const FACTS = `
select has_schema_privilege(n.oid, 'usage') as may_schema,
  has_any_column_privilege(c.oid, 'select') as may_table,
  c.oid::int8::text as oid, c.relkind::text as kind, row_security_active(c.oid) as security, c.relreplident::text as identity,
  (select json_agg(json_build_object(
      'number', a.attnum, 'name', a.attname, 'type', format_type(base.oid, null), 'collation',
      case when l.collname = 'default' then (
        select case when d.datlocprovider::text = 'c' then d.datcollate
          when d.datlocprovider::text = 'b' then to_jsonb(d) ->> 'datlocale' else 'icu' end
        from pg_database d where d.datname = current_database()) else l.collname end,
      'deterministic', coalesce(l.collisdeterministic, true), ${TYPE_DETAIL},
      'readable', has_column_privilege(c.oid, a.attnum, 'select'), 'sql', ${COLUMN_CATALOG}) order by a.attnum)
   from pg_attribute a ${BASE_TYPE} left join pg_collation l on l.oid = a.attcollation
   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select json_agg(a.attname order by k.n)
   from pg_index i cross join unnest(i.indkey) with ordinality as k (attnum, n)
   join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
   where i.indrelid = c.oid and k.n <= i.indnkeyatts and ${IS_KEY}) as key,
  (select bool_and(i.indimmediate) from pg_index i where i.indrelid = c.oid and ${IS_KEY}) as immediate,
  ${publishedSql('$3', 'c')} as published,
  (select json_agg(json_build_object('name', p.polname, 'permissive', p.polpermissive,
       'using', pg_get_expr(p.polqual, p.polrelid), 'tree', p.polqual::text)
     order by p.polname)
   from pg_policy p where p.polrelid = c.oid and p.polcmd in ('r', '*')
     and (0 = any (p.polroles) or exists (
       select from unnest(p.polroles) as r (oid) where pg_has_role(current_user, r.oid, 'usage')))) as policies,
  ${POLICY_CATALOG} as catalog, ${tablesReadCatalog('$3')} as tables_read,
  ${UNFOLLOWABLE} as unfollowable,
  ${DEFINITION} as definition,
  concat_ws(' ', c.xmin, n.xmin, (
    select sum(hashtextextended(row(m.roleid, m.member, m.xmin)::text, 0)) from pg_auth_members m)) as trace
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2`;

/**
 * Catalog functions (pg_get_expr, has_any_column_privilege, pg_partition_tree) see changes after their statement's
 * snapshot, so facts are valid only if the definition is the same before and after.
 */
const DEFINITION_AGAIN = `select ${DEFINITION} as definition`;

export async function loadTableFacts(
  database: Database,
  identity: Identity,
  publication: string,
  { schema, table }: { schema: string; table: string },
  roleRights = new RoleRights(),
): Promise<TableFacts> {
  const { write } = database.pools;
  const [[last], known, [before, [row], after, [again]]] = await Promise.all([
    write.query<{ epoch: string }>(LAST_EPOCH),
    knownDefinition(write, schema, table),
    write.transaction(
      (tx) =>
        Promise.all([
          tx.query<{ lsn: string }>(BEFORE),
          tx.query<FactsRow>(FACTS, [schema, table, publication]),
          tx.query<After>(AFTER),
          tx.query<{ definition: string | null }>(DEFINITION_AGAIN, [schema, table, publication]),
        ]),
      { identity, readOnly: true, isolation: 'read committed' },
    ),
  ]);
  const { lsn, roles, own_roles: ownRoles, all_roles: allRoles } = after[0] as After;
  const epoch = last?.epoch ?? '';
  if (!row) throw errors.TABLE_UNKNOWN({ schema, table });
  if (row.definition !== again?.definition) throw errors.TABLE_CHANGING({ table });
  if (!row.may_schema || !row.may_table) throw postgresErrors['42501']({ schema, table, role: identity.role });
  if (row.kind !== 'r' && row.kind !== 'p')
    throw errors.QUERY_UNSUPPORTED({ what: `${schema}.${table}, which is not a table,` });
  if (!row.published) throw errors.TABLE_NOT_LIVE({ schema, table });
  if (row.published.filtered) {
    throw errors.QUERY_UNSUPPORTED({ what: `${schema}.${table}, which is published with a row filter,` });
  }
  refuseUnfollowable(row.unfollowable, { schema, table, publication });
  const definition = row.definition ?? '';
  const seen = known.roles?.version === roles ? known.roles.since : undefined;
  const rights = roleRights.since(identity.role, ownRoles, seen);
  const published = new Set(row.published.columns);
  const columns = (row.columns ?? []).map(
    ({ number, name, readable, sql, ...type }): ColumnFacts => ({
      number,
      name,
      type: typeDetail(type),
      readable,
      published: published.has(name),
      sql,
      sources: sourcesOf(sql, row.columns ?? [], published),
    }),
  );
  const policies = row.security ? (row.policies ?? []) : [];
  const reads = policyReads(policies, { schema, table, kind: row.kind, columns });
  return {
    schema,
    table,
    oid: Number(row.oid),
    columns,
    key: row.key ?? [],
    oldRows: row.identity === 'f',
    policy: row.security ? policySql(policies) : undefined,
    dependencies: policyDependencies(row.policies ?? [], row.catalog),
    tablesRead: row.security && row.tables_read ? tablesRead(row.tables_read) : NO_TABLES_READ,
    policyReads: reads,
    policyColumns: givenColumns({ columns }, reads.columns),
    policies: policies.map((policy) => policyFacts(policy, row.catalog)),
    definition,
    roles,
    allRoles,
    epoch,
    readFrom: parseLsn(before[0]?.lsn ?? ''),
    tidemark: formatTidemark(epoch, parseLsn(lsn)),
    isRecorded: known.table?.version === definition,
    since: sinceOf(known.table, definition, rights),
    version: hash({ ...row, trace: undefined }),
    trace: row.trace,
  };
}

const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('base64url');

function policyFacts(
  { name, permissive, using, tree }: { name: string; permissive: boolean; using: string | null; tree: string | null },
  catalog: PolicyCatalog,
): PolicyFacts {
  const { claims } = policyDependencies([{ permissive: true, tree }], catalog);
  return { name, permissive, using, rowAlone: claims !== 'whole' && claims.length === 0 };
}
