import { createTable, DEEPER, deep, ROLES, type Schema, SEALS, shows, USERS } from './schema.ts';

const members = Object.entries(USERS).flatMap(([name, { seals }]) => seals.map((seal) => `('${name}', ${seal})`));

/** Roles belong to the server, where the previous seed has changed them. */
export const RESET_ROLES = `do $$ declare r text; begin
  foreach r in array '{checker_one,checker_two,checker_group}'::text[] loop
    if not exists (select from pg_roles where rolname = r) then execute format('create role %I nologin', r); end if;
    execute format('alter role %I nobypassrls inherit', r);
  end loop;
  revoke checker_group from checker_one, checker_two;
end $$`;

export function setupSql(schema: Schema): string {
  return `${RESET_ROLES};
create function public.claim(name text) returns text language sql stable as
  $$ select nullif(current_setting('request.jwt.claims', true), '')::json ->> name $$;
${shows(schema)};
${deep(schema)};
${DEEPER};
revoke usage on schema public from public;
grant usage on schema public to ${ROLES.join()};
create type public.mood as enum (${schema.moods.map((mood) => `'${mood}'`).join()});
create type public.label as enum (${schema.labels.map((label) => `'${label}'`).join()});
create type public.pair as (a int, b text);
create domain public.score as int;
create table public.groups (seal int primary key);
insert into public.groups values ${SEALS.map((seal) => `(${seal})`).join()};
grant select on public.groups to ${ROLES.join()};
create table public.members (name text, seal int, primary key (name, seal));
alter table public.members replica identity full;
insert into public.members values ${members.join()};
grant select on public.members to ${ROLES.join()};
alter publication tidemark add table public.members;
${schema.tables.map((table) => createTable(table, schema)).join(';\n')};
create schema probe; grant usage on schema probe to public;
${PROBE}`;
}

/** Each query gives rows or an SQLSTATE under the caller's role, and the facts that live queries of the table need. */
const PROBE = `
create function probe.ask(tables text[], queries text[]) returns jsonb language plpgsql as $$
declare answers jsonb := '[]'; n int; answer jsonb; facts jsonb;
begin
  for n in 1 .. coalesce(array_length(queries, 1), 0) loop
    begin
      execute format('select jsonb_build_object(''rows'', coalesce(jsonb_agg(to_jsonb(t)), ''[]'')) from (%s) t', queries[n]) into answer;
    exception when others then answer := jsonb_build_object('error', sqlstate, 'message', sqlerrm);
    end;
    select jsonb_build_object('security', row_security_active(c.oid), 'identity', c.relreplident,
      'published', (select p.attnames from pg_publication_tables p where p.pubname = 'tidemark' and p.tablename = c.relname and p.schemaname = 'public'),
      'whole', (select pubinsert and pubupdate and pubdelete and pubtruncate from pg_publication where pubname = 'tidemark'),
      'children', exists (select from pg_inherits i where i.inhparent = c.oid and c.relkind = 'r'),
      'columns', (select jsonb_agg(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
      into facts from pg_class c where c.relname = tables[n] and c.relnamespace = 'public'::regnamespace;
    answers := answers || jsonb_build_array(answer || coalesce(facts, '{}'));
  end loop;
  return answers;
end $$;`;
