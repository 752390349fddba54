-- Every row is for its owner alone. Strangers (anon) have no rights at all.
grant usage on schema sync to authenticated, service_role;

do $$
declare
  -- The subquery lets Postgres read the claim once for each statement and not once for each row.
  mine constant text := $c$owner = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')$c$;
  name text;
begin
  foreach name in array array['devices', 'preferences', 'albums', 'pictures', 'batches'] loop
    execute format('alter table sync.%I enable row level security', name);
    execute format('grant select, insert, update, delete on sync.%I to authenticated, service_role', name);
    execute format('create policy own on sync.%I to authenticated using (%s)', name, mine);
    execute format('create policy service on sync.%I to service_role using (true)', name);
  end loop;
end $$;
