/** The functions and operators in a table's policies, including those in the bodies of SQL functions. */

export interface SqlFunction {
  oid: number;
  /** pg_node_tree of a function created with RETURN or BEGIN ATOMIC. */
  tree: string | null;
  /** Text of any other function; null where its names may not be those of built-in objects. */
  text: string | null;
  returns: number;
  strict: boolean;
}

export interface PolicyCatalog {
  functions: readonly number[];
  operators: readonly number[];
  bodies: readonly SqlFunction[];
  /** True if a database or a role sets `request.…`: then it is unknown what a policy reads from these settings. */
  request_settings: boolean;
}

/** Lowest oid of objects that initdb did not create (access/transam.h: FirstNormalObjectId). */
const FIRST_OWN_OID = 16_384;
/** pg_language.dat */
const SQL_LANGUAGE = 14;
const matches = (field: string) => `regexp_matches(s.tree, ':${field} ([0-9]+)', 'g') as m (part)`;

/** SQL that is true where the names in from-sql.ts have no other meaning. */
const PLAIN_NAMES = `not exists (select from pg_proc f where f.proname = 'current_setting' and f.oid >= ${FIRST_OWN_OID})
  and not exists (select from pg_operator o where o.oid >= ${FIRST_OWN_OID} and (o.oprname in ('->', '->>')
    and o.oprleft in ('json'::regtype, 'jsonb'::regtype) or o.oprname = '=' and o.oprleft = 'text'::regtype))
  and not exists (select from pg_type t where t.oid >= ${FIRST_OWN_OID}
    and t.typname in ('text', 'json', 'jsonb', 'uuid', 'int', 'int4', 'int8', 'integer', 'bigint'))`;

/** `trees` queries one column. Values of constants are printed as bytes, so that none looks like a field. */
export const catalogOf = (trees: string): string => `(with recursive source (oid, tree) as (
    select 0::oid, given.tree from (${trees}) as given (tree)
    union
    select f.oid, f.prosqlbody::text from source s cross join lateral ${matches('funcid')}
    join pg_proc f on f.oid = m.part[1]::oid
    where f.oid >= ${FIRST_OWN_OID} and f.prolang = ${SQL_LANGUAGE} and f.prokind = 'f' and not f.proretset
      and not exists (select from unnest(f.proconfig) as s (setting) where s.setting not like 'search\\_path=%'))
  select json_build_object(
    'functions', (select coalesce(json_agg(distinct f.oid::int8), '[]') from source s cross join lateral ${matches('funcid')}
      join pg_proc f on f.oid = m.part[1]::oid where f.oid < ${FIRST_OWN_OID} and f.provolatile = 'i'),
    'operators', (select coalesce(json_agg(distinct o.oid::int8), '[]') from source s cross join lateral ${matches('opno')}
      join pg_operator o on o.oid = m.part[1]::oid join pg_proc f on f.oid = o.oprcode
      where o.oid < ${FIRST_OWN_OID} and f.oid < ${FIRST_OWN_OID} and f.provolatile = 'i'),
    'bodies', (select coalesce(json_agg(json_build_object('oid', f.oid::int8, 'tree', s.tree,
        'text', case when s.tree is null and ${PLAIN_NAMES} then f.prosrc end,
        'returns', f.prorettype::int8, 'strict', f.proisstrict) order by f.oid), '[]')
      from source s join pg_proc f on f.oid = s.oid),
    'request_settings', exists (select from pg_db_role_setting d cross join unnest(d.setconfig) as s (setting)
      where s.setting ilike 'request.%')))`;

export const POLICY_CATALOG = catalogOf('select p.polqual::text from pg_policy p where p.polrelid = c.oid');
