/** Queries on Postgres's catalogs. $1 is the list of exposed schemas. */

/** The type under a domain, which may be a domain itself. */
const baseType = (type: string) => `case when ${type}.typtype <> 'd' then ${type}.oid else (
  with recursive domain(oid, base) as (
    select ${type}.oid, ${type}.typbasetype
    union all select b.oid, b.typbasetype from domain join pg_type b on b.oid = domain.base)
  select oid from domain where base = 0) end`;

const HAS_CHILDREN = `c.relkind = 'r' and exists (select from pg_inherits i where i.inhparent = c.oid)`;
const PRIMARY_KEY = `coalesce((
  select json_agg(a.attname order by k.ord)
    from pg_constraint p, unnest(p.conkey) with ordinality as k(attnum, ord), pg_attribute a
   where p.conrelid = c.oid and p.contype = 'p' and a.attrelid = c.oid and a.attnum = k.attnum), '[]')`;

export const RELATIONS = `
select n.nspname as schema, c.relname as name, c.oid::int8::text as oid, c.relkind as kind, c.relrowsecurity as row_security,
       (c.relhasrules or exists (select from pg_trigger g where not g.tgisinternal and g.tgtype & 4 = 4 and g.tgenabled <> 'D'
          and (g.tgrelid = c.oid or c.relkind = 'p' and g.tgrelid in (select relid from pg_partition_tree(c.oid))))) as insert_triggers,
       (exists (select from pg_depend d where d.refclassid = 'pg_proc'::regclass and (
            d.classid = 'pg_policy'::regclass and d.objid in (select p.oid from pg_policy p where p.polrelid = c.oid)
         or d.classid = 'pg_attrdef'::regclass and d.objid in (select f.oid from pg_attrdef f where f.adrelid = c.oid)
         or d.classid = 'pg_constraint'::regclass and d.objid in (select k.oid from pg_constraint k where k.conrelid = c.oid)))
        or exists (select from (
            select concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as text from pg_policy p where p.polrelid = c.oid
            union all select pg_get_expr(f.adbin, f.adrelid) from pg_attrdef f where f.adrelid = c.oid
            union all select pg_get_constraintdef(k.oid) from pg_constraint k where k.conrelid = c.oid and k.contype = 'c') e
          where replace(e.text, 'current_setting(''request.jwt.claims''', '') like '%current_setting%')
        or exists (select from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0 and t.typtype = 'd')) as reads_request,
       (c.relkind in ('r','p')
        and not exists (select from pg_attribute a join pg_type t on t.oid = a.atttypid
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and (a.attgenerated = 'v' or t.oid >= 16384
               and (t.typtype <> 'e' or exists (select from pg_cast k where t.oid in (k.castsource, k.casttarget)))))
        and not exists (select from pg_policy p where p.polrelid = c.oid and (
              pg_get_expr(p.polqual, p.polrelid) ~* '\\m(set_config|ts_stat|ts_rewrite|\\w+_to_xml\\w*)\\M'
              or exists (select from pg_depend d where d.classid = 'pg_policy'::regclass and d.objid = p.oid
                  and not (d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid))))) as session_safe,
       obj_description(c.oid, 'pg_class') as comment,
       (c.relkind in ('r','p') or (pg_relation_is_updatable(c.oid, true) & 8) = 8) as insertable,
       (c.relkind in ('r','p') or (pg_relation_is_updatable(c.oid, true) & 4) = 4) as updatable,
       (c.relkind in ('r','p') or (pg_relation_is_updatable(c.oid, true) & 16) = 16) as deletable,
       coalesce((
         select json_agg(json_build_object(
                  'name', a.attname,
                  'type', format_type(a.atttypid, a.atttypmod), 'bareType', format_type(a.atttypid, -1),
                  'isJson', ${baseType('t')} in ('json'::regtype, 'jsonb'::regtype),
                  'nullable', not (c.relkind in ('r','p') and (t.typtype = 'd' and t.typnotnull
                     or a.attnotnull and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'n'
                                                        and k.conkey = array[a.attnum] and not k.convalidated))),
                  'hasDefault', a.atthasdef or a.attidentity <> '' or t.typdefault is not null,
                  'defaultSql', case
                     when a.attidentity <> '' then (
                       select format('nextval(%L::regclass)', format('%I.%I', sn.nspname, sq.relname))
                         from pg_depend d join pg_class sq on sq.oid = d.objid join pg_namespace sn on sn.oid = sq.relnamespace
                        where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
                          and d.refobjsubid = a.attnum and d.deptype = 'i' and sq.relkind = 'S')
                     when a.attgenerated = '' then coalesce((select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = c.oid and d.adnum = a.attnum), t.typdefault)
                   end,
                  'generated', a.attgenerated <> '' or a.attidentity = 'a',
                  'comment', col_description(c.oid, a.attnum),
                  'casts', case when t.typtype = 'd' then (
                     select json_object_agg(case when k.castsource = t.oid then 'to' else 'from' end
                                || case when 'json'::regtype in (k.castsource, k.casttarget) then 'Json' else 'Text' end,
                              json_build_object('schema', kn.nspname, 'name', kp.proname))
                       from pg_cast k join pg_proc kp on kp.oid = k.castfunc join pg_namespace kn on kn.oid = kp.pronamespace
                      where k.castcontext = 'i' and k.castmethod = 'f'
                        and (k.castsource = t.oid and k.casttarget in ('json'::regtype, 'text'::regtype)
                          or k.casttarget = t.oid and k.castsource in ('json'::regtype, 'text'::regtype))) end,
                  'enumValues', (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid)
                ) order by a.attnum)
           from pg_attribute a join pg_type t on t.oid = a.atttypid
          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
       ${HAS_CHILDREN} as has_children, ${PRIMARY_KEY} as primary_key
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r','v','m','f','p')
   and n.nspname = any ($1)
 order by n.nspname, c.relname`;

/** Oids below 16384 are built-in. Functions in C belong to extensions. */
const WRITTEN = `p.prolang not in (select oid from pg_language where lanname in ('internal','c'))`;
export const SHADOWED = `
select exists (select from pg_proc p join pg_proc own on own.proname = p.proname and own.oid < 16384 where p.oid >= 16384 and ${WRITTEN})
    or exists (select from pg_operator o join pg_proc p on p.oid = o.oprcode
                where o.oid >= 16384 and o.oprleft < 16384 and o.oprright < 16384 and ${WRITTEN})
    or exists (select from pg_cast k join pg_proc p on p.oid = k.castfunc
                where k.oid >= 16384 and k.castsource < 16384 and k.casttarget < 16384 and ${WRITTEN}) as shadowed`;

/** Foreign keys between any tables, without the copies of partitions. */
export const FOREIGN_KEYS = `
select k.conname as constraint, fn.nspname as from_schema, f.relname as from_name, tn.nspname as to_schema, t.relname as to_name,
       (select json_agg(json_build_object('from', fa.attname, 'to', ta.attname) order by u.ord)
          from unnest(k.conkey, k.confkey) with ordinality as u(fnum, tnum, ord)
          join pg_attribute fa on fa.attrelid = k.conrelid and fa.attnum = u.fnum
          join pg_attribute ta on ta.attrelid = k.confrelid and ta.attnum = u.tnum) as columns,
       exists (select from pg_constraint q
                where q.conrelid = k.conrelid and q.contype in ('p','u')
                  and (select array_agg(x order by x) from unnest(q.conkey) x) <@ (select array_agg(x order by x) from unnest(k.conkey) x)
              ) as is_unique,
       coalesce((select json_agg(a.attname)
                   from pg_constraint p, unnest(p.conkey) as num, pg_attribute a
                  where p.conrelid = k.conrelid and p.contype = 'p' and a.attrelid = k.conrelid and a.attnum = num), '[]') as from_primary_key
  from pg_constraint k
  join pg_class f on f.oid = k.conrelid join pg_namespace fn on fn.oid = f.relnamespace
  join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
 where k.contype = 'f' and k.conparentid = 0
 order by k.conname, fn.nspname, f.relname`;

/** The definitions of views, as trees that view-columns.ts reads. */
export const VIEW_TREES = `
select c.oid::int8::text as oid, r.ev_action::text as tree
  from pg_class c join pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN'
 where c.relkind in ('v','m') and c.oid >= 16384`;

/** The primary keys of tables that views show, which need not be in an exposed schema. $1 is a list of oids. */
export const TABLE_KEYS = `
select c.oid::int8::text as oid, ${HAS_CHILDREN} as has_children, ${PRIMARY_KEY} as primary_key
  from pg_class c where c.oid = any ($1::int8[]::oid[])`;

/** $2 to $5: numbers of columns of views, and of the columns of tables that they show. */
export const VIEW_COLUMN_NAMES = `
select vn.nspname as view_schema, vc.relname as view_name, va.attname as view_column,
       sc.oid::int8::text as table_oid, sn.nspname as table_schema, sc.relname as table_name, sa.attname as table_column
  from unnest($2::int8[], $3::int2[], $4::int8[], $5::int2[]) with ordinality as o(view_oid, view_col, source_oid, source_col, ord)
  join pg_class vc on vc.oid = o.view_oid::oid join pg_namespace vn on vn.oid = vc.relnamespace
  join pg_class sc on sc.oid = o.source_oid::oid join pg_namespace sn on sn.oid = sc.relnamespace
  join pg_attribute va on va.attrelid = vc.oid and va.attnum = o.view_col and not va.attisdropped
  join pg_attribute sa on sa.attrelid = sc.oid and sa.attnum = o.source_col and not sa.attisdropped
 where vn.nspname = any ($1) and sc.relkind in ('r','p','f')
 order by o.ord`;

/** The name of a domain is a media type. */
const MEDIA_TYPE = `dt.typtype = 'd' and (dt.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or dt.typname = '*/*')`;

/** Aggregates over the rows of one relation, or over any rows. */
export const MEDIA_AGGREGATES = `
select lower(dt.typname) as mime, ${baseType('dt')} = 'bytea'::regtype as is_bytes, n.nspname as schema, p.proname as name,
       an.nspname as rows_schema, ac.relname as rows_name
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type dt on dt.oid = p.prorettype
  join pg_type at on at.oid = p.proargtypes[0]
  left join pg_class ac on ac.oid = at.typrelid and ac.relkind in ('r','v','m','f','p') left join pg_namespace an on an.oid = ac.relnamespace
 where p.prokind = 'a' and p.pronargs = 1 and n.nspname = any ($1) and ${MEDIA_TYPE}
   and (ac.oid is not null or at.oid in ('anyelement'::regtype, 'record'::regtype))`;

export const ROUTINES = `
select n.nspname as schema, p.proname as name, p.provolatile as volatility, p.proretset as returns_set,
       p.prorettype = 'void'::regtype as returns_void, format_type(p.prorettype, null) as return_type,
       obj_description(p.oid, 'pg_proc') as comment,
       coalesce((
         select json_agg(json_build_object(
                  'name', coalesce(p.proargnames[g.ord], ''),
                  'type', format_type(g.type, -1),
                  'hasDefault', g.input_ord > p.pronargs - p.pronargdefaults,
                  'variadic', g.mode = 'v') order by g.ord)
           from (select u.type, u.ord, coalesce(p.proargmodes[u.ord], 'i') as mode,
                        row_number() over (partition by coalesce(p.proargmodes[u.ord], 'i') in ('i','b','v') order by u.ord) as input_ord
                   from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as u(type, ord)) g
          where g.mode in ('i','b','v')), '[]') as args,
       (select json_agg(coalesce(nullif(p.proargnames[u.ord], ''), 'column' || u.ord) order by u.ord)
          from unnest(p.proargmodes) with ordinality as u(mode, ord) where u.mode in ('o','b','t')) as out_columns,
       (select json_agg(format_type(u.type, null) order by u.ord)
          from unnest(p.proargmodes, p.proallargtypes) with ordinality as u(mode, type, ord) where u.mode in ('o','b','t')) as out_types,
       (select json_agg(a.attname order by a.attnum) from pg_attribute a
         where rt.typrelid <> 0 and a.attrelid = rt.typrelid and a.attnum > 0 and not a.attisdropped) as composite_columns,
       (select json_agg(format_type(a.atttypid, null) order by a.attnum) from pg_attribute a
         where rt.typrelid <> 0 and a.attrelid = rt.typrelid and a.attnum > 0 and not a.attisdropped) as composite_types,
       rn.nspname as relation_schema, rc.relname as relation_name, rc.relkind as relation_kind,
       (select case when ${MEDIA_TYPE} then json_build_object('mime', lower(dt.typname), 'isBytes', ${baseType('dt')} = 'bytea'::regtype) end
         where not p.proretset) as media_type,
       p.prorows as rows_estimate,
       (select case when setting ~ '^statement_timeout=[0-9]+$' then substr(setting, 19)::int
                    else (extract(epoch from substr(setting, 19)::interval) * 1000)::int end
          from unnest(p.proconfig) setting where setting ~ '^statement_timeout=[0-9]+ *(us|ms|s|min|h|d)?$') as timeout_ms,
       (select json_build_object('schema', an.nspname, 'name', ac.relname)
          from pg_type at join pg_class ac on ac.oid = at.typrelid and ac.relkind in ('r','v','m','f','p')
          join pg_namespace an on an.oid = ac.relnamespace
         where p.pronargs = 1 and at.oid = p.proargtypes[0]) as takes_row_of
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_type dt on dt.oid = p.prorettype
  -- A domain over a row type is that row.
  join pg_type rt on rt.oid = ${baseType('dt')}
  left join pg_class rc on rc.oid = rt.typrelid and rt.typrelid <> 0 and rc.relkind <> 'c'
  left join pg_namespace rn on rn.oid = rc.relnamespace
 where p.prokind = 'f' and n.nspname = any ($1)
   and rt.oid not in ('trigger'::regtype, 'event_trigger'::regtype)
   and not exists (select from pg_depend d where d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e')
 order by n.nspname, p.proname, p.oid`;

export const ROLES = `select rolname as name, rolsuper or rolbypassrls as bypasses from pg_roles`;

/**
 * Lists the relations with hidden rows that a relation reads, also through views. A restrictive policy may hide rows
 * whatever the other policies allow.
 */
export const HIDING = `
with recursive reached as (
  select c.oid as root, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r','v','m','f','p') and n.nspname = any ($1)
  union
  select r.root, d.refobjid
    from reached r join pg_rewrite w on w.ev_class = r.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
)
select r.root::int8::text as oid,
       case when c.relrowsecurity and not exists (select from pg_policy p where p.polrelid = c.oid and not p.polpermissive) then coalesce((
         select json_agg(coalesce(o.rolname, 'public'))
           from pg_policy p, unnest(p.polroles) as u(role) left join pg_roles o on o.oid = u.role
          where p.polrelid = c.oid and p.polcmd in ('*', 'r') and pg_get_expr(p.polqual, p.polrelid) = 'true'), '[]')
       else '[]' end as open
  from reached r join pg_class c on c.oid = r.oid
 where c.relrowsecurity or c.relkind = 'f'
    or exists (select from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
                where w.ev_class = r.oid and d.refclassid = 'pg_proc'::regclass and d.refobjid >= 16384)`;

/** A cast to a reg* type turns a number into a name, and one to a table's row type reveals that the table exists. */
export const CAST_TYPES = `
select t.typname as name
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
  left join pg_class c on c.oid = coalesce(e.typrelid, t.typrelid) and c.oid <> 0
 where (n.nspname = any ($1) or n.nspname = any ($2) or n.nspname = 'pg_catalog')
   and coalesce(e.typtype, t.typtype) <> 'p' and coalesce(c.relkind, 'c') = 'c'
   and not (n.nspname = 'pg_catalog' and coalesce(e.typname, t.typname) like 'reg%')`;

export const TIME_ZONES = `select name from pg_timezone_names`;

/**
 * The transaction ids of the newest catalog rows. Built-in objects (below FirstNormalObjectId, 16384) are left out:
 * they would be most of the work.
 */
export const FINGERPRINT = `
select md5(concat_ws(',',
  (select max(xmin::text::int8) from pg_class where oid >= 16384), (select count(*) from pg_class where oid >= 16384),
  (select max(xmin::text::int8) from pg_attribute where attrelid >= 16384), (select count(*) from pg_attribute where attrelid >= 16384),
  (select max(xmin::text::int8) from pg_constraint where oid >= 16384), (select count(*) from pg_constraint where oid >= 16384),
  (select max(xmin::text::int8) from pg_proc where oid >= 16384), (select count(*) from pg_proc where oid >= 16384),
  (select max(xmin::text::int8) from pg_namespace), (select max(xmin::text::int8) from pg_type where oid >= 16384),
  (select max(xmin::text::int8) from pg_enum where oid >= 16384), (select max(xmin::text::int8) from pg_rewrite where oid >= 16384),
  (select count(*) from pg_cast where oid >= 16384), (select max(xmin::text::int8) from pg_cast where oid >= 16384),
  (select max(xmin::text::int8) from pg_policy where oid >= 16384), (select count(*) from pg_policy where oid >= 16384),
  (select max(xmin::text::int8) from pg_trigger where oid >= 16384), (select count(*) from pg_trigger where oid >= 16384), (select max(xmin::text::int8) from pg_attrdef where oid >= 16384),
  (select count(*) from pg_roles), (select string_agg(concat_ws(' ', setrole, setdatabase, setconfig::text), ',' order by setrole, setdatabase) from pg_db_role_setting), (select string_agg(rolname, ',' order by rolname) from pg_roles where rolsuper or rolbypassrls), (select max(xmin::text::int8) from pg_description where objoid >= 16384))) as fingerprint`;
