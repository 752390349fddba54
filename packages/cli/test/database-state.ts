/** All that Tidemark could leave behind in a database and on its server, as text to compare. */
import { withClient } from '@tidemark/local-stack';

const OWN = `nspname !~ '^pg_' and nspname <> 'information_schema'`;

const STATE = `
with s as (select oid, nspname from pg_namespace where ${OWN}),
  r as (select c.*, nspname from pg_class c join s on s.oid = c.relnamespace)
select (select json_agg(r order by rolname) from pg_roles r where rolname !~ '^pg_') as roles,
  (select json_agg(m order by roleid, member) from pg_auth_members m where roleid >= 16384) as members,
  (select json_agg(row(nspname, nspowner::regrole, coalesce(nspacl, acldefault('n', nspowner))::text) order by nspname) from pg_namespace where ${OWN}) as schemas,
  (select json_agg(row(nspname, relname, relkind, relowner::regrole,
      coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))::text,
      relreplident, relrowsecurity, reloptions) order by nspname, relname) from r) as relations,
  (select json_agg(row(nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attacl::text,
      (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum)) order by nspname, relname, attnum)
    from pg_attribute a join r on r.oid = attrelid where attnum > 0 and not attisdropped) as columns,
  (select json_agg(row(conname, pg_get_constraintdef(k.oid)) order by conrelid::regclass::text, conname) from pg_constraint k join s on s.oid = connamespace) as constraints,
  (select json_agg(pg_get_indexdef(indexrelid) order by indexrelid::regclass::text) from pg_index i join r on r.oid = indrelid) as indexes,
  (select json_agg(row(indexrelid::regclass, indisreplident) order by indexrelid::regclass::text) from pg_index i join r on r.oid = indrelid) as identities,
  (select json_agg(pg_get_triggerdef(t.oid) order by tgrelid::regclass::text, tgname) from pg_trigger t join r on r.oid = tgrelid where not tgisinternal) as triggers,
  (select json_agg(p order by schemaname, tablename, policyname) from pg_policies p) as policies,
  (select json_agg(row(p.oid::regprocedure, md5(prosrc), proacl::text) order by p.oid::regprocedure::text) from pg_proc p join s on s.oid = pronamespace) as functions,
  (select json_agg(row(t.oid::regtype, typacl::text) order by t.oid::regtype::text) from pg_type t join s on s.oid = typnamespace) as types,
  (select json_agg(d) from pg_default_acl d) as defaults, (select json_agg(p) from pg_publication p) as publications,
  (select json_agg(slot_name) from pg_replication_slots) as slots, (select json_agg(evtname) from pg_event_trigger) as "eventTriggers",
  (select json_agg(extname order by 1) from pg_extension) as extensions,
  (select json_agg(row(setdatabase, setrole, setconfig)) from pg_db_role_setting) as settings,
  (select datacl::text from pg_database where datname = current_database()) as "database"`;

/** Needs a superuser: others do not see all of it. */
export const databaseState = (superuser: string): Promise<Record<string, unknown>> =>
  withClient(superuser, async (sql) => {
    const [state] = await sql.unsafe(STATE);
    return JSON.parse(JSON.stringify(state)) as Record<string, unknown>;
  });
