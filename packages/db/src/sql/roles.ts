/**
 * SQL expression that changes with what any role may see: SUPERUSER, BYPASSRLS, INHERIT and memberships. A role
 * without attributes and memberships has no part in it, so that CREATE ROLE is no change.
 */
export const ROLES_SQL = `concat_ws(' ',
  (select sum(hashtextextended(row(r.oid, r.rolsuper, r.rolbypassrls, r.rolinherit)::text, 0)) from pg_catalog.pg_roles r
    where r.rolsuper or r.rolbypassrls or not r.rolinherit),
  (select sum(hashtextextended(row(m.roleid, m.member, m.xmin)::text, 0)) from pg_catalog.pg_auth_members m))`;
