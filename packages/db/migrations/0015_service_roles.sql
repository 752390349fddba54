-- A role for each service, with the rights that its statements need and no others. They cannot log in as they are made here:
-- infra/postgres/roles.sql gives them LOGIN, REPLICATION and pg_monitor, which only an administrator may give. A single login
-- that owns the schema and has all of these rights still works (DATABASE_URL of every service).
do $$
declare
  r text;
  s text;
  needed text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
  foreach s in array array['tidemark_gateway', 'tidemark_realtime', 'tidemark_batch', 'tidemark_metrics'] loop
    if not exists (select from pg_roles where rolname = s) then
      begin
        -- The API roles' rights count only after SET ROLE. The metrics service must inherit what pg_monitor may read.
        execute format('create role %I nologin %s', s, case s when 'tidemark_metrics' then 'inherit' else 'noinherit' end);
      exception when duplicate_object or unique_violation then null; -- another database of this server did it meanwhile
      end;
    end if;
    foreach r in array case s when 'tidemark_metrics' then array['ops', 'tidemark_none']
      else array['anon', 'authenticated', 'service_role', 'ops', 'tidemark_none'] end loop
      begin
        if not pg_has_role(s, r, needed) then
          execute format('grant %I to %I', r, s);
        end if;
      exception
        when unique_violation then null; -- the same, for the grant
        -- Postgres 16 and later let only the maker of a role (or who has ADMIN on it) grant it on.
        when insufficient_privilege then
          raise warning 'the role % was not granted to %: run infra/postgres/roles.sql as an administrator to let services log in apart', r, s;
      end;
    end loop;
  end loop;
end $$;

grant usage on schema tidemark to tidemark_gateway, tidemark_realtime, tidemark_batch, tidemark_metrics;

-- Every service follows the epoch; each but metrics may mint the next one. UPDATE is what LOCK TABLE asks for.
grant select on tidemark.epochs, tidemark.migrations to tidemark_gateway, tidemark_realtime, tidemark_batch, tidemark_metrics;
grant insert, update on tidemark.epochs to tidemark_gateway, tidemark_realtime, tidemark_batch;

grant select, insert, update, delete on tidemark.idempotency_keys to tidemark_gateway;
grant select, insert on tidemark.file_contents to tidemark_gateway, tidemark_batch;
grant select on tidemark.files to tidemark_gateway;
grant select, insert on tidemark.files to tidemark_batch;
grant select, update on tidemark.jobs to tidemark_gateway, tidemark_batch;
grant select, insert, update on tidemark.job_chunks to tidemark_batch;

-- What a service does as itself was decided for the caller before: a signed address, a job's output, a job's progress.
create policy files_gateway on tidemark.files for select to tidemark_gateway using (true);
create policy files_batch on tidemark.files for select to tidemark_batch using (true);
create policy files_batch_output on tidemark.files for insert to tidemark_batch with check (true);
create policy jobs_gateway on tidemark.jobs for select to tidemark_gateway using (true);
create policy jobs_gateway_cancel on tidemark.jobs for update to tidemark_gateway using (true);
create policy jobs_batch on tidemark.jobs for select to tidemark_batch using (true);
create policy jobs_batch_progress on tidemark.jobs for update to tidemark_batch using (true);

-- The cluster's identifier and timeline tell a stranger which server this is and when it failed over; the services need them,
-- clients only need the epoch.
revoke select on tidemark.epochs from anon, authenticated, service_role, ops;
grant select (epoch, minted_at, reason) on tidemark.epochs to anon, authenticated, service_role, ops;

-- Only the publication's owner may set this, which the relay's login is no more (the relay still does where it is).
do $$ begin
  if current_setting('server_version_num')::int >= 180000 then
    alter publication tidemark set (publish_generated_columns = stored);
  end if;
end $$;
