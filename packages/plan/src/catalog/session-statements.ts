/** Queries on what functions, policies and views do with their session and with the request. */

/** Functions that people wrote. An extension's are its own affair. */
const OWN_FUNCTIONS = `
  select p.oid, p.proname, l.lanname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as source
    from pg_proc p join pg_language l on l.oid = p.prolang join pg_namespace n on n.oid = p.pronamespace
   where p.oid >= 16384 and l.lanname not in ('internal', 'c') and n.nspname <> 'tidemark'
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')`;

/** Expressions of relations that Postgres keeps as trees. */
const TREES = `
  select ev_class as relation, ev_action::text as tree from pg_rewrite where ev_class >= 16384
  union all select polrelid, concat_ws(' ', polqual::text, polwithcheck::text) from pg_policy
  union all select adrelid, adbin::text from pg_attrdef where adrelid >= 16384`;

const callsOf = (names: string) =>
  `(select ':funcid (' || string_agg(oid::text, '|') || ') ' from pg_proc where oid < 16384 and proname ~ '${names}')`;

/** set_config(…, true) is local to the transaction. Calls in its arguments, such as current_setting(…, true), nest three deep here. */
const ARGUMENTS = [1, 2, 3].reduce((inner) => String.raw`(?:[^()]|\(${inner}*\))`, '[^()]');
const LOCAL = String.raw`set_config\s*\(${ARGUMENTS}*,\s*true\s*\)`;
/** Comments may stand between the beginning of a statement and its first word. */
const STATEMENT = String.raw`(?:^|;|\mbegin|\mthen|\melse|\mloop)(?:\s|--[^\n]*\n|/\*(?:[^*]|\*[^/])*\*/)*`;
const CHANGES = String.raw`\mset_config\M|\mpg_(try_)?advisory_lock|\mtemp(orary)?\M|\mexecute\M|\mlisten\M|\mwith\s+hold\M|\m(curr|last)val\M|${STATEMENT}(?:(?:reset|discard|deallocate|prepare)\s|set\s+(?!local\M|constraints\M|transaction\M))`;

/** Returns the state that functions, views, policies and defaults can leave in their session (SessionReset; null: none). Other languages are not read. */
export const CHANGES_SESSION = `
select case
    when exists (select from (${OWN_FUNCTIONS}) f where f.lanname not in ('sql', 'plpgsql') or f.source ~* '\\m(prepare|execute)\\M') then 'statements'
    when exists (select from (${OWN_FUNCTIONS}) f where regexp_replace(f.source, '${LOCAL}', '', 'gi') ~* '${CHANGES}')
      or exists (select from (${TREES}) t where t.tree ~ ${callsOf('^(set_config|pg_(try_)?advisory_lock(_shared)?)$')}) then 'settings'
  end as changes`;

/**
 * Relations whose policies or definitions may read the headers, the method, the path or the cookies of the request, or
 * set headers of the response: by a setting, or by a function whose source names them. A view reads what its relations read.
 */
const REQUEST = String.raw`request\.(headers?|methods?|paths?|cookies?)|'request\.'|'request'|response\.(headers|status)`;
export const REQUEST_READERS = `
with recursive readers as (
  select f.oid from (${OWN_FUNCTIONS}) f where f.source ~* '${REQUEST.replaceAll("'", "''")}'
), known as (select exists (select from readers) as any_function),
direct as (
  select distinct c.oid
    from pg_class c
   where c.oid >= 16384 and (
     exists (select from pg_policy p where p.polrelid = c.oid and (
          replace(concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
                  'current_setting(''request.jwt.claim', '') ~ 'current_setting|set_config'
       or (select any_function from known) and exists (select from pg_depend d
            where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass)))
     or c.relkind in ('v', 'm') and exists (select from pg_rewrite w where w.ev_class = c.oid and (
          replace(pg_get_viewdef(c.oid), 'current_setting(''request.jwt.claim', '') ~ 'current_setting|set_config'
       or (select any_function from known) and exists (select from pg_depend d
            where d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_proc'::regclass))))
), reached as (
  select oid as root, oid from direct
  union
  select w.ev_class, r.oid from reached r
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = r.root and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite w on w.oid = d.objid
)
select distinct n.nspname as schema, c.relname as name, (select any_function from known) as by_function
  from reached r join pg_class c on c.oid = r.root join pg_namespace n on n.oid = c.relnamespace
union all select '', '', true from known where any_function`;

/** The user may set only these for a role: its other settings need rights that the user lacks. */
export const ROLE_SETTINGS = `
select r.rolname as role, split_part(u.entry, '=', 1) as name, substr(u.entry, strpos(u.entry, '=') + 1) as value
  from pg_db_role_setting s join pg_roles r on r.oid = s.setrole cross join unnest(s.setconfig) as u(entry)
 where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
   and (split_part(u.entry, '=', 1) like '%.%'
     or exists (select from pg_settings g where lower(g.name) = lower(split_part(u.entry, '=', 1)) and g.context = 'user'))
   and split_part(u.entry, '=', 1) !~* '^(role|session_authorization|row_security|search_path|statement_timeout|datestyle|bytea_output|(default_)?transaction_\\w+)$'
 order by s.setdatabase`;
