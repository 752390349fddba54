/** Queries of the cache on the schema. Every role may run them. */
import { relationStampsSql } from '@tidemark/plan';

/** A hash of the rows of a catalog, which changes whenever one of them is written, added or removed. */
const rows = (from: string, key: string, where = 'true') =>
  `(select sum(hashtextextended(concat_ws(' ', ${key}, x.xmin), 0)) from ${from} x where ${where})`;

/** 16384 is the first oid that is not built-in. Temporary tables, which no other session sees, are left out. */
const TEMPORARY = `select oid from pg_namespace where nspname ~ '^pg_(toast_)?temp_'`;
const RELATIONS = `select oid from pg_class where oid >= 16384 and relpersistence <> 't'`;

const SCHEMA = `md5(concat_ws(',',
  ${rows('pg_class', 'x.oid', `x.oid >= 16384 and x.relpersistence <> 't'`)},
  ${rows('pg_attribute', 'x.attrelid, x.attnum', `x.attrelid >= 16384 and x.attrelid in (${RELATIONS})`)},
  ${rows('pg_type', 'x.oid', `x.oid >= 16384 and x.typnamespace not in (${TEMPORARY})`)},
  ${rows('pg_proc', 'x.oid', 'x.oid >= 16384')},
  ${rows('pg_rewrite', 'x.oid', `x.ev_class in (${RELATIONS})`)},
  ${rows('pg_enum', 'x.oid')}, ${rows('pg_policy', 'x.oid')}, ${rows('pg_inherits', 'x.inhrelid')},
  ${rows('pg_auth_members', 'x.roleid, x.member')},
  ${rows('pg_namespace', 'x.oid', `x.oid not in (${TEMPORARY})`)},
  ${rows('pg_db_role_setting', 'x.setrole, x.setdatabase')},
  (select sum(hashtextextended(concat_ws(' ', r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolbypassrls), 0)) from pg_roles r)))`;

const PUBLISHED = `md5(concat_ws(',', ${rows('pg_publication', 'x.oid', 'x.pubname = $1')},
  ${rows('pg_publication_rel', 'x.oid')}, ${rows('pg_publication_namespace', 'x.oid')}))`;

export const FINGERPRINT = `select ${SCHEMA} as schema, ${PUBLISHED} as published`;

/** The oldest open transaction is that of this database if the user may see it, else of the whole cluster. */
export const POSITION = `
with now as (select pg_snapshot_xmin(pg_current_snapshot())::text::int8 as xmin, pg_snapshot_xmax(pg_current_snapshot())::text::int8 as xmax)
select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as lsn, now.xmax::text as xmax,
       (case when pg_has_role('pg_read_all_stats', 'USAGE') then least(now.xmax,
          (select min(now.xmax - age(a.backend_xid)) from pg_stat_activity a
            where a.datname = current_database() and a.backend_xid is not null),
          (select min(now.xmax - age(p.transaction)) from pg_prepared_xacts p where p.database = current_database()))
        else now.xmin end)::text as xmin
  from now`;

/** Functions, relations and operators in a stored expression. pg_depend has no built-in ones. */
const refs = (tree: string) => `coalesce((select json_agg(distinct m[1] || ' ' || m[2])
  from regexp_matches(${tree}, ':(relid|funcid|opfuncid|aggfnoid|winfnoid) (\\d+)', 'g') m where m[2] <> '0'), '[]')`;

/**
 * `unfit`: the expression reads the time, a sequence, a sample, or text as a date ('now'). `personal`: it reads the identity. The
 * numbers of SQLVALUEFUNCTION are SQLValueFunctionOp of primnodes.h: the time up to 8, from 9 the user, the database and the schema.
 */
const DATES = '(1082|1083|1114|1184|1266|1115|1182|1183|1185|1270|2205|24|26)';
const nature = (tree: string) => `
  ${tree} ~ '\\{(SQLVALUEFUNCTION :op [0-8] |NEXTVALUEEXPR|TABLESAMPLECLAUSE)'
    or (${tree} ~ '\\{(COERCEVIAIO|ARRAYCOERCEEXPR)' and ${tree} ~ ':resulttype ${DATES} ') as unfit,
  ${tree} ~ '\\{SQLVALUEFUNCTION ' as personal`;

export const FACTS = `
with trees as (
  select 'view ' || ev_class as of, ev_action::text as tree from pg_rewrite
   where rulename = '_RETURN' and ev_class >= 16384
  union all select 'policies ' || polrelid, concat_ws(' ', polqual::text) from pg_policy
  union all select 'function ' || oid, prosqlbody::text from pg_proc where oid >= 16384 and prosqlbody is not null
)
select ${SCHEMA} as schema, ${PUBLISHED} as published,
  (select coalesce(json_agg(json_build_object('oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
            'rowSecurity', c.relrowsecurity, 'stamps', ${relationStampsSql('array[c.oid]')},
            'published', exists (
              select from pg_publication_tables t join pg_publication p on p.pubname = t.pubname
               where t.pubname = $1 and t.schemaname = n.nspname and t.tablename = c.relname
                 and p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate)
              and not exists (select from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
                               where p.pubname = $1 and r.prrelid = c.oid and (r.prqual is not null or r.prattrs is not null)),
            'inherited', c.relkind = 'r' and exists (select from pg_inherits i where i.inhparent = c.oid))), '[]')
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid >= 16384 and c.relkind in ('r','p','v') and c.relpersistence = 'p') as relations,
  (select coalesce(json_agg(json_build_object('of', of, 'refs', refs, 'unfit', unfit, 'personal', personal)), '[]')
     from (select of, ${refs('tree')} as refs, ${nature('tree')} from trees) t) as trees,
  (select json_agg(json_build_object('oid', p.oid::int8, 'name', p.proname, 'own', p.oid < 16384, 'volatility', p.provolatile,
            'aggregate', p.prokind in ('a','w'), 'readable', p.prosqlbody is not null))
     from pg_proc p where p.oid >= 16384 or p.provolatile <> 'i') as functions`;
