/** The relay announces changes of any role; where another role changed, the earlier position of this one holds. */
import type { Lsn } from '@tidemark/contracts';
import { LRUCache } from 'lru-cache';

export const CURRENT_ROLE_SQL = 'select r.oid from pg_catalog.pg_roles r where r.rolname = current_user';

/** `roles` is a SELECT of oids. The version covers these roles and all roles of which they are members. */
export const rolesVersionSql = (roles: string): string => `(
with recursive role (oid) as (
  ${roles}
  union
  select m.roleid from role join pg_catalog.pg_auth_members m on m.member = role.oid
)
select pg_catalog.md5((select pg_catalog.string_agg(row(r.oid, r.rolname, r.rolsuper, r.rolbypassrls, r.rolinherit)::text, '' order by r.oid)
    from role join pg_catalog.pg_roles r on r.oid = role.oid)
  || coalesce((select pg_catalog.string_agg(row(m.roleid, m.member, to_jsonb(m) ->> 'inherit_option')::text, '' order by m.roleid, m.member, m.grantor)
    from role join pg_catalog.pg_auth_members m on m.member = role.oid), '')))`;

const MAX_ROLES = 1_000;

export class RoleRights {
  #known = new LRUCache<string, { version: string; since: Lsn }>({ max: MAX_ROLES });

  /** @param since position since which no role has changed; undefined where it is not known */
  since(role: string, version: string, since: Lsn | undefined): Lsn | undefined {
    const known = this.#known.get(role);
    const now = known?.version === version ? known.since : since;
    if (now === undefined) this.#known.delete(role);
    else this.#known.set(role, { version, since: now });
    return now;
  }

  clear(): void {
    this.#known.clear();
  }
}
