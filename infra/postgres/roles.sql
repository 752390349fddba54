-- The roles of Tidemark. Run it in Tidemark's database as an administrator (a superuser, or a cloud provider's admin role), before
-- the first `tidemark migrate`; running it again changes nothing. `npm start` runs this very file on its own Postgres.
--
--   psql "$ADMIN_URL" -v ON_ERROR_STOP=1 -1 -f infra/postgres/roles.sql
--
-- Then give each login a password (\password tidemark_gateway), as none has one yet.

-- What a JWT's role claim may name. Services SET ROLE to them for each transaction; nobody logs in as one.
do $$
declare r text;
begin
  foreach r in array array['anon', 'authenticated', 'service_role', 'ops', 'tidemark_none'] loop
    if to_regrole(r) is null then
      execute format('create role %I nologin noinherit', r);
      -- `tidemark remove` drops no other roles.
      execute format('comment on role %I is %L', r, 'created by Tidemark');
    end if;
  end loop;
  -- `tidemark` owns the schema and migrates it; the others are one service each.
  foreach r in array array['tidemark', 'tidemark_gateway', 'tidemark_realtime', 'tidemark_batch', 'tidemark_metrics', 'tidemark_analyze'] loop
    if to_regrole(r) is null then
      execute format('create role %I', r);
      execute format('comment on role %I is %L', r, 'created by Tidemark');
    end if;
  end loop;
end $$;

alter role tidemark login inherit;
-- Without this, "$user" would put a table without a schema, such as `create table track …` in psql, into the schema `tidemark`.
alter role tidemark set search_path = public;
-- Without inheritance the API roles' rights count only after SET ROLE.
alter role tidemark_gateway login noinherit;
alter role tidemark_realtime login noinherit replication;
alter role tidemark_batch login noinherit;
alter role tidemark_metrics login inherit;
-- Explains statements that operators send, as the API role of a token: it has no right of its own, and cannot write by default.
alter role tidemark_analyze login noinherit;
alter role tidemark_analyze set default_transaction_read_only = on;
alter role tidemark_analyze connection limit 8;

grant anon, authenticated, service_role, ops, tidemark_none to tidemark, tidemark_gateway, tidemark_realtime, tidemark_batch, tidemark_analyze;
grant pg_monitor to tidemark_metrics;

do $$
begin
  -- What pg_monitor may read counts at once, what ops may read only after SET ROLE, where Postgres (16 and later) can tell them apart.
  if current_setting('server_version_num')::int >= 160000 then
    execute 'grant ops, tidemark_none to tidemark_metrics with inherit false';
  else
    grant ops, tidemark_none to tidemark_metrics;
  end if;
  -- For the schema `tidemark` and the publication.
  execute format('grant create on database %I to tidemark', current_database());
  -- Lets replication slots of an idle database move at once; without it they do so every 15 s. Postgres 16 and later.
  if to_regprocedure('pg_catalog.pg_log_standby_snapshot()') is not null then
    grant execute on function pg_catalog.pg_log_standby_snapshot() to tidemark_realtime;
  end if;
end $$;

-- A schema's name can only be looked up with USAGE; to a table in it this gives no right. For schemas that others make:
-- grant usage on schema <schema> to tidemark_gateway, tidemark_realtime, tidemark_batch.
alter default privileges for role tidemark grant usage on schemas to tidemark_gateway, tidemark_realtime, tidemark_batch;

-- For blueprints, which make their tables in `public`, and tables of your own that `tidemark` shall own.
grant usage, create on schema public to tidemark;
