/**
 * SQL for the version of a table's definition: a hash of all that decides which rows a reader gets and what their
 * values are. The relay and the facts use the same text, so that equal definitions have equal versions. A catalog row
 * counts by its oid and xmin, except for those of pg_class, which change for other reasons, too (TRUNCATE, indexes).
 * The file of a plain table does not count, since the WAL announces TRUNCATE; the files of partitions do, since
 * nothing announces theirs. No function here locks a relation (pg_get_expr would), so the statement does not wait for
 * a running ALTER TABLE.
 */

const FIRST_OWN_OID = 16_384;

export interface DefinitionsQuery {
  /** SQL expression of the publication's name, such as `$1`. */
  publication: string;
  /** SQL expressions of the schema and name of one table; all published tables without it. */
  only?: { schema: string; table: string };
  /** A condition over `s`, a row of pg_namespace, and `c`, one of pg_class, in place of `only`. */
  among?: string;
}

const CLASS = `'pg_catalog.pg_class'::pg_catalog.regclass`;
const PROC = `'pg_catalog.pg_proc'::pg_catalog.regclass`;
const OPERATOR = `'pg_catalog.pg_operator'::pg_catalog.regclass`;

/**
 * The objects that a policy, a view, a virtual column, an operator or a function names. Where the body of a function is stored as text,
 * each of its words counts as a name, so that a word may name too much and only names composed at run time are missed. As for
 * the tables that policies read, a word names one of Tidemark's own tables only in a text that has their schema's name, too.
 * OFFSET keeps Postgres from scanning a catalog for each object: it overestimates recursive queries.
 */
const namedBy = (object: string) => `(
    select d.refclassid as catalog, d.refobjid as oid from (
      select 'pg_catalog.pg_policy'::pg_catalog.regclass as catalog, p.oid
      from pg_catalog.pg_policy p where ${object}.catalog = ${CLASS} and p.polrelid = ${object}.oid
      union all
      select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid
      from pg_catalog.pg_rewrite w where ${object}.catalog = ${CLASS} and w.ev_class = ${object}.oid
      union all
      select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid
      from pg_catalog.pg_attrdef d join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum and a.attgenerated = 'v'
      where ${object}.catalog = ${CLASS} and d.adrelid = ${object}.oid
      union all
      select ${object}.catalog, ${object}.oid where ${object}.catalog in (${PROC}, ${OPERATOR})
    ) by
    cross join lateral (select d.refclassid, d.refobjid from pg_catalog.pg_depend d
      where d.classid = by.catalog and d.objid = by.oid offset 0) d
    where d.refclassid in (${CLASS}, ${PROC}, ${OPERATOR}) and d.refobjid >= ${FIRST_OWN_OID}
    union
    select k.catalog, k.oid from (
      select distinct v.word, bool_or(v.word = 'tidemark') over () as tidemark
      from pg_catalog.pg_proc f join pg_catalog.pg_language l on l.oid = f.prolang and l.lanname in ('sql', 'plpgsql')
      cross join lateral pg_catalog.regexp_matches(f.prosrc, '[[:alpha:]_][[:alnum:]_$]*|"[^"]+"', 'g') as m (part)
      cross join lateral (values (pg_catalog.btrim(m.part[1], '"')), (pg_catalog.lower(m.part[1]))) as v (word)
      where ${object}.catalog = ${PROC} and f.oid = ${object}.oid and f.prosqlbody is null
    ) w
    cross join lateral (
      select ${CLASS} as catalog, k.oid from pg_catalog.pg_class k where k.relname = w.word::name and k.oid >= ${FIRST_OWN_OID}
        and k.relkind in ('r', 'p', 'v', 'm', 'f') and k.relpersistence <> 't'
        and (w.tidemark or k.relnamespace is distinct from pg_catalog.to_regnamespace('tidemark'))
      union all
      select ${PROC}, f.oid from pg_catalog.pg_proc f where f.proname = w.word::name and f.oid >= ${FIRST_OWN_OID}
        and f.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype
      offset 0
    ) k
  )`;

/** Returns a SELECT of schema, table and version. It has no row for a table that does not exist or is not published. */
export function definitionsSql({ publication, only, among }: DefinitionsQuery): string {
  const asked = only ? `s.nspname = ${only.schema} and c.relname = ${only.table}` : among;
  return `
with recursive publication as materialized (
  select p.oid, p.xmin, p.pubviaroot as via_root, p.puballtables as all_tables
  from pg_catalog.pg_publication p where p.pubname = ${publication}
),
named (relid, entry) as materialized (
  select r.prrelid, row(r.oid, r.xmin)::text
  from publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid
  union all
  select c.oid, row(s.oid, s.xmin)::text
  from publication p join pg_catalog.pg_publication_namespace s on s.pnpubid = p.oid
  join pg_catalog.pg_class c on c.relnamespace = s.pnnspid and c.relkind in ('r', 'p') and c.relpersistence = 'p'
  union all
  select c.oid, 'all' from publication p
  join pg_catalog.pg_class c on p.all_tables and c.relkind in ('r', 'p') and c.relpersistence = 'p' and c.oid >= ${FIRST_OWN_OID}
),
-- Partitions of the named tables; they are published as their root, or as themselves.
below (relid, entry) as (
  select i.inhrelid, n.entry from named n
  join pg_catalog.pg_inherits i on i.inhparent = n.relid join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition
  union
  select i.inhrelid, b.entry from below b
  join pg_catalog.pg_inherits i on i.inhparent = b.relid join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition
),
-- Without USAGE on the schema, a role reads none of its tables by name.
published (root, schema, name, rights, entries) as materialized (
  select c.oid, s.nspname, c.relname, row(s.nspowner, s.nspacl)::text, string_agg(e.entry, ',' order by e.entry)
  from (select relid, entry, false as is_below from named union all select relid, entry, true from below) e
  join pg_catalog.pg_class c on c.oid = e.relid join pg_catalog.pg_namespace s on s.oid = c.relnamespace
  ${asked === undefined ? '' : `where ${asked}`}
  -- Before Postgres 18, an aclitem[] cannot be sorted, but its text can.
  group by 1, 2, 3, 4, c.relkind
  having case when (select via_root from publication) then not bool_or(e.is_below) else c.relkind = 'r' end
),
-- The tables, and what their policies and virtual columns read or call, directly or through others: each once.
object (catalog, oid) as (
  select ${CLASS}, root::oid from published
  union
  select n.catalog::pg_catalog.regclass, n.oid from object o cross join lateral ${namedBy('o')} n
),
edge (catalog, oid, named_catalog, named) as materialized (
  select o.catalog, o.oid, n.catalog::pg_catalog.regclass, n.oid from object o cross join lateral ${namedBy('o')} n
),
reaches (root, catalog, oid) as (
  select root, ${CLASS}, root::oid from published
  union
  select r.root, e.named_catalog, e.named from reaches r join edge e on e.catalog = r.catalog and e.oid = r.oid
),
reached (root, relid) as materialized (select root, oid from reaches where catalog = ${CLASS}),
relations (relid) as materialized (select distinct relid from reached),
-- Partitions and inheritance children of all these tables, with their row of pg_inherits, which is new after a detach and attach.
children (root, relid, link) as (
  select r.root, i.inhrelid, row(i.inhparent, i.inhrelid, i.xmin)::text
  from reached r join pg_catalog.pg_inherits i on i.inhparent = r.relid
  union
  select c.root, i.inhrelid, row(i.inhparent, i.inhrelid, i.xmin)::text
  from children c join pg_catalog.pg_inherits i on i.inhparent = c.relid
),
types (relid, type) as (
  select a.attrelid, a.atttypid from relations r
  join pg_catalog.pg_attribute a on a.attrelid = r.relid and a.attnum > 0 and a.atttypid >= ${FIRST_OWN_OID}
  union
  select t.relid, part.oid from types t join pg_catalog.pg_type y on y.oid = t.type
  cross join lateral (
    select y.typbasetype
    union all select y.typelem
    union all select a.atttypid from pg_catalog.pg_attribute a where a.attrelid = y.typrelid and a.attnum > 0
    union all select g.rngsubtype from pg_catalog.pg_range g where g.rngtypid = y.oid
    union all select g.rngtypid from pg_catalog.pg_range g where g.rngmultitypid = y.oid
  ) as part (oid)
  where part.oid >= ${FIRST_OWN_OID}
),
distinct_types (type) as materialized (select distinct type from types),
facts (relid, fact) as materialized (
  select c.oid, row('class', c.relkind, c.relpersistence, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
    case when c.relkind = 'v' then c.reloptions end)::text
  from relations r join pg_catalog.pg_class c on c.oid = r.relid
  union all
  -- The name: the row of the table's type is rewritten when it changes, and seldom for anything else.
  select y.typrelid, row('name', y.xmin)::text from relations r join pg_catalog.pg_type y on y.typrelid = r.relid
  union all
  select a.attrelid, row('column', a.attnum, a.xmin)::text
  from relations r join pg_catalog.pg_attribute a on a.attrelid = r.relid and a.attnum > 0 and not a.attisdropped
  union all
  select a.attrelid, row('expression', a.attnum, d.oid, d.xmin)::text
  from relations r join pg_catalog.pg_attribute a on a.attrelid = r.relid and a.attnum > 0 and a.attgenerated <> ''
  join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  union all
  select i.indrelid, row('index', i.indkey, i.indisprimary, i.indisreplident, i.indimmediate, i.indisvalid)::text
  from relations r join pg_catalog.pg_index i on i.indrelid = r.relid and (i.indisprimary or i.indisreplident)
  union all
  select p.polrelid, row('policy', p.oid, p.xmin)::text
  from relations r join pg_catalog.pg_policy p on p.polrelid = r.relid
  union all
  select w.ev_class, row('rule', w.oid, w.xmin)::text
  from relations r join pg_catalog.pg_rewrite w on w.ev_class = r.relid
  union all
  select t.relid, fact from types t join (
    select y.oid, row('type', y.oid, y.xmin)::text from distinct_types d join pg_catalog.pg_type y on y.oid = d.type
    union all
    select e.enumtypid, row('label', e.oid, e.xmin)::text from distinct_types d join pg_catalog.pg_enum e on e.enumtypid = d.type
    union all
    select y.oid, row('field', a.attnum, a.xmin)::text from distinct_types d join pg_catalog.pg_type y on y.oid = d.type
    join pg_catalog.pg_attribute a on a.attrelid = y.typrelid and a.attnum > 0
    union all
    select k.contypid, row('constraint', k.oid, k.xmin)::text
    from distinct_types d join pg_catalog.pg_constraint k on k.contypid = d.type
    union all
    select k.castsource, row('cast', k.oid, k.xmin)::text from distinct_types d join pg_catalog.pg_cast k on k.castsource = d.type
  ) as of (type, fact) on of.type = t.type
),
relation_facts (relid, facts) as materialized (
  select relid, string_agg(fact, '' order by fact collate "C") from facts group by relid
),
function_facts (oid, facts) as materialized (
  select f.oid, row('function', f.oid, f.xmin, f.proowner, f.prosecdef, f.proisstrict, f.prolang, f.proacl, f.proconfig, f.prosrc,
    f.probin, f.prosqlbody)::text
  from object o join pg_catalog.pg_proc f on o.catalog = ${PROC} and f.oid = o.oid
),
root_facts (root, facts) as materialized (
  select r.root, string_agg(row(r.oid, coalesce(f.facts, p.facts))::text, '' order by r.catalog::oid, r.oid)
  from reaches r left join relation_facts f on r.catalog = ${CLASS} and f.relid = r.oid
  left join function_facts p on r.catalog = ${PROC} and p.oid = r.oid group by r.root
),
child_facts (root, facts) as materialized (
  select ch.root, string_agg(ch.link || row(c.relkind, c.relfilenode, c.relreplident, c.relpersistence,
    (select string_agg(row(a.attnum, d.oid, d.xmin)::text, '' order by a.attnum) from pg_catalog.pg_attribute a
     join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = c.oid and a.attgenerated <> ''))::text, '' order by ch.relid, ch.link)
  from children ch join pg_catalog.pg_class c on c.oid = ch.relid group by ch.root
)
select p.schema::text as schema, p.name::text as table, pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(row(
    b.oid, b.xmin, b.via_root, p.root, p.rights, p.entries, f.facts, k.facts)::text, 'UTF8')), 'hex'), 1, 32) as version
from publication b cross join published p
join root_facts f on f.root = p.root left join child_facts k on k.root = p.root`;
}

/** Version of the roles that the login may SET ROLE to: their names, BYPASSRLS and memberships. */
export const ROLES_VERSION_SQL = `(
with recursive role (oid) as (
  select r.oid from pg_catalog.pg_roles r
  where r.rolname = session_user or (select s.rolsuper from pg_catalog.pg_roles s where s.rolname = session_user)
  union
  select m.roleid from role join pg_catalog.pg_auth_members m on m.member = role.oid
)
select pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
  (select string_agg(row(r.oid, r.rolname, r.rolsuper, r.rolbypassrls, r.rolinherit)::text, '' order by r.oid)
   from role join pg_catalog.pg_roles r on r.oid = role.oid)
  || coalesce((select string_agg(row(m.roleid, m.member, to_jsonb(m) ->> 'inherit_option', to_jsonb(m) ->> 'set_option')::text, ''
       order by m.roleid, m.member, m.ctid)
     from role join pg_catalog.pg_auth_members m on m.member = role.oid), ''), 'UTF8')), 'hex'), 1, 32))`;
