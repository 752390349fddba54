-- Optional: announces changes of tables, types, policies, partitions and publications at their place in the WAL, so that live queries
-- never show a row by what held before. Only a superuser may create event triggers; without them, what Postgres does not announce by
-- itself is noticed within DEFINITIONS_CHECK_MS (1 s). `npm start` runs this file on its own Postgres, `tidemark live enable` where it
-- logs in as a superuser; running it again changes nothing. `tidemark live disable --all` takes it away, as these do:
--
--   drop event trigger tidemark_ddl; drop event trigger tidemark_drop; drop schema tidemark_ddl cascade;
--
-- A schema of its own, which no API exposes: the function belongs to the superuser, since it runs as whoever changes something.
create schema if not exists tidemark_ddl;

-- It writes one message of a few bytes into the transaction. Whatever happens here never fails the statement.
create or replace function tidemark_ddl.announce() returns event_trigger language plpgsql set search_path = '' as $$
begin
  -- Nobody follows a temporary table, and some applications make many.
  if tg_event = 'sql_drop' then
    if not exists (select from pg_catalog.pg_event_trigger_dropped_objects() d where not d.is_temporary) then
      return;
    end if;
  elsif not exists (select from pg_catalog.pg_event_trigger_ddl_commands() c where c.schema_name is distinct from 'pg_temp') then
    return;
  end if;
  perform pg_catalog.pg_logical_emit_message(true, 'tidemark.ddl', '');
exception when others then
  null;
end $$;

do $$ begin
  if not exists (select from pg_event_trigger where evtname = 'tidemark_ddl') then
    create event trigger tidemark_ddl on ddl_command_end execute function tidemark_ddl.announce();
    alter event trigger tidemark_ddl enable always;
  end if;
  if not exists (select from pg_event_trigger where evtname = 'tidemark_drop') then
    create event trigger tidemark_drop on sql_drop execute function tidemark_ddl.announce();
    alter event trigger tidemark_drop enable always;
  end if;
end $$;
