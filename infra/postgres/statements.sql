-- The most costly statements, for the metrics service: pg_stat_statements in a schema that no API exposes and that nobody else may
-- read, as it shows the texts of everybody's statements. Needs shared_preload_libraries = 'pg_stat_statements' and a superuser, and
-- moves the extension if it is elsewhere. `npm start` runs this file on its own Postgres; on yours, run it yourself or with
-- `tidemark statements enable`.
create schema if not exists tidemark_statistics;
do $$
declare
  reader text;
begin
  if not exists (select from pg_extension where extname = 'pg_stat_statements') then
    create extension pg_stat_statements schema tidemark_statistics;
  elsif not exists (select from pg_extension where extname = 'pg_stat_statements' and extnamespace = 'tidemark_statistics'::regnamespace) then
    alter extension pg_stat_statements set schema tidemark_statistics;
  end if;
  revoke all on schema tidemark_statistics from public;
  revoke all on all tables in schema tidemark_statistics from public;
  revoke all on all functions in schema tidemark_statistics from public;
  -- The metrics service logs in as itself, or, where all services share one login, as the owner of Tidemark's schema.
  reader := coalesce(
    (select rolname from pg_roles where rolname = 'tidemark_metrics' and rolcanlogin),
    (select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'tidemark'));
  if reader is not null then
    execute format('grant usage on schema tidemark_statistics to %I', reader);
    execute format('grant select on tidemark_statistics.pg_stat_statements, tidemark_statistics.pg_stat_statements_info to %I', reader);
    execute format('grant execute on function tidemark_statistics.pg_stat_statements(boolean), tidemark_statistics.pg_stat_statements_info() to %I', reader);
  end if;
end $$;
