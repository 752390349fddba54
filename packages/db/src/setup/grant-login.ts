/**
 * The rights of the gateway's own login (tidemark_gateway) for a login that is there already, such as PostgREST's
 * `authenticator`. They are granted one by one, because a login without INHERIT has none of a role that it is a member of.
 */
import { identifier, literal } from '../sql/quote.ts';

/** PostgREST's documentation and Supabase call their login so. */
export const AUTHENTICATOR = 'authenticator';

export const grantStatements = (login: string): string => `
select coalesce(string_agg(statement, '; '), '') as statements from (
  select format('grant %s on tidemark.%I to ${formatted(login)}', g.privilege_type, c.relname) as statement
    from pg_class c, aclexplode(c.relacl) g
   where c.relnamespace = 'tidemark'::regnamespace and g.grantee = 'tidemark_gateway'::regrole and c.relkind <> 'S'
  union all
  select 'grant usage on schema tidemark to ${formatted(login)}'
  union all
  select 'grant tidemark_none to ${formatted(login)}'
   where not pg_has_role(${literal(login)}, 'tidemark_none', case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)) s`;

/** The name in a text that format() reads. */
const formatted = (login: string): string => identifier(login).replaceAll("'", "''").replaceAll('%', '%%');

export const LOGIN = 'select rolsuper as superuser from pg_roles where rolname = $1 and rolcanlogin';
