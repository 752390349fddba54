/**
 * SQL expression that changes with what any role may see: SUPERUSER, BYPASSRLS, INHERIT and memberships. A role
 * without attributes and memberships has no part in it, so that CREATE ROLE is no change. The count of updates of pg_authid tells
 * attributes that were changed and changed back, some seconds later; nobody but a superuser may read the table itself.
 */
export const ROLES_SQL = `concat_ws(' ',
  (select sum(hashtextextended(row(r.oid, r.rolsuper, r.rolbypassrls, r.rolinherit)::text, 0)) from pg_catalog.pg_roles r
    where r.rolsuper or r.rolbypassrls or not r.rolinherit),
  pg_catalog.pg_stat_get_tuples_updated('pg_catalog.pg_authid'::pg_catalog.regclass),
  (select sum(hashtextextended(row(m.roleid, m.member, m.xmin)::text, 0)) from pg_catalog.pg_auth_members m))`;
