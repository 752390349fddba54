-- The newest measurement of a vehicle becomes its position. Measurements may arrive late and out of order.
create function fleet.keep_positions() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into fleet.positions as p (vehicle_id, organization_id, recorded_at, latitude, longitude, speed_kmh, heading)
  select distinct on (vehicle_id) vehicle_id, organization_id, recorded_at, latitude, longitude, speed_kmh, heading
    from added order by vehicle_id, recorded_at desc
  on conflict (vehicle_id) do update
     set organization_id = excluded.organization_id, recorded_at = excluded.recorded_at, latitude = excluded.latitude,
         longitude = excluded.longitude, speed_kmh = excluded.speed_kmh, heading = excluded.heading
   where p.recorded_at < excluded.recorded_at;
  return null;
end $$;
create trigger keep_positions after insert on fleet.telematics
  referencing new table as added for each statement execute function fleet.keep_positions();

-- The actor is the subject of the token, or the login of a session without one.
create function fleet.record_change() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
  if tg_op = 'UPDATE' and old is not distinct from new then
    return null;
  end if;
  insert into fleet.audit_log (organization_id, actor, action, entity, entity_id, before, after)
  values (
    (changed ->> case tg_table_name when 'organizations' then 'id' else 'organization_id' end)::integer,
    coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', session_user),
    lower(tg_op),
    tg_table_name,
    (changed ->> 'id')::integer,
    case when tg_op <> 'INSERT' then to_jsonb(old) end,
    case when tg_op <> 'DELETE' then to_jsonb(new) end
  );
  return null;
end $$;

do $$
declare
  audited text;
begin
  foreach audited in array array['organizations', 'users', 'vehicles', 'drivers', 'assignments', 'maintenance', 'fuel',
                                 'work_orders', 'inspections', 'documents', 'alerts'] loop
    execute format('create trigger record_change after insert or update or delete on fleet.%I
                      for each row execute function fleet.record_change()', audited);
  end loop;
end $$;
revoke execute on function fleet.keep_positions(), fleet.record_change() from public;
