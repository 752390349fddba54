-- Eight organizations with 2,000 vehicles in two years of work, and a day of telematics. People, plates and companies are invented.
-- The same rows at every load, at times relative to now.

-- A number from 0 to below `below` that depends on its arguments alone.
create function pg_temp.draw(n integer, what text, below integer) returns integer language sql immutable
  return ('x' || substr(md5(what || n), 1, 7))::bit(28)::integer % below;
create function pg_temp.pick(n integer, what text, choices text[]) returns text language sql immutable
  return choices[1 + ('x' || substr(md5(what || n), 1, 7))::bit(28)::integer % cardinality(choices)];

insert into fleet.organizations (id, name, country)
select n, (array['Aster Freight', 'Borealis Parcel', 'Cedar Coaches', 'Dorne Logistics', 'Elmsway Cars', 'Fjordline', 'Granite Haulage', 'Heron Transit'])[n],
       (array['DE', 'SE', 'NL', 'FR', 'DK', 'NO', 'PL', 'AT'])[n]
  from generate_series(1, 8) n;

insert into fleet.users (id, organization_id, email, name, role, active)
select n, 1 + n % 8, 'user' || n || '@org' || 1 + n % 8 || '.example',
       pg_temp.pick(n, 'first', array['Ada', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gus', 'Hana', 'Ivo', 'Jana', 'Kim', 'Lea', 'Mio', 'Nora'])
         || ' ' || pg_temp.pick(n, 'last', array['Arlen', 'Brandt', 'Corvin', 'Dahl', 'Ekman', 'Falk', 'Grau', 'Holm', 'Iversen', 'Jansen', 'Kester', 'Lund']),
       case when n <= 16 then 'manager' when n <= 64 then 'dispatcher' else 'driver' end, pg_temp.draw(n, 'active', 20) > 0
  from generate_series(1, 2400) n;

insert into fleet.vehicles (id, organization_id, vin, plate, make, model, year, type, fuel_type, status, odometer_km, attributes)
select n, 1 + n % 8, '1TMAAAAAAAAA' || lpad(n::text, 5, '0'), 'TM ' || 1 + n % 8 || '-' || 100 + n / 8, make,
       case kind when 'car' then 'City ' when 'van' then 'Combi ' when 'truck' then 'Cargo ' else 'Coach ' end || 10 * (1 + pg_temp.draw(n, 'model', 4)),
       2012 + pg_temp.draw(n, 'year', 14), kind,
       case when kind in ('truck', 'bus') then 'diesel' else pg_temp.pick(n, 'fuel', array['diesel', 'petrol', 'electric', 'hybrid']) end,
       case when pg_temp.draw(n, 'status', 100) < 5 then 'in_repair' when pg_temp.draw(n, 'status', 100) < 15 then 'idle'
            when pg_temp.draw(n, 'status', 100) < 18 then 'retired' else 'in_service' end,
       5000 + pg_temp.draw(n, 'odometer', 300000),
       jsonb_build_object('seats', 2 + pg_temp.draw(n, 'seats', 7), 'refrigerated', pg_temp.draw(n, 'cold', 10) = 0, 'colour', pg_temp.pick(n, 'colour', array['white', 'grey', 'blue', 'red']))
  from generate_series(1, 2000) n,
       lateral (select pg_temp.pick(n, 'make', array['Halden', 'Norvik', 'Pontis', 'Rigel', 'Sabra', 'Tarn', 'Vesta', 'Wolden']) as make,
                       pg_temp.pick(n, 'type', array['car', 'car', 'van', 'van', 'van', 'truck', 'truck', 'bus']) as kind) chosen;

insert into fleet.drivers (id, organization_id, user_id, name, license_number, license_expires_on, active, status, phone)
select n, u.organization_id, u.id, u.name, 'L' || lpad(n::text, 7, '0'), current_date + pg_temp.draw(n, 'expires', 1800) - 20, u.active,
       case when pg_temp.draw(n, 'state', 100) < 3 then 'suspended' when pg_temp.draw(n, 'state', 100) < 30 then 'off_duty'
            when pg_temp.draw(n, 'state', 100) < 60 then 'driving' else 'available' end,
       '+00 555 ' || lpad(pg_temp.draw(n, 'phone', 1000000)::text, 6, '0')
  from generate_series(1, 2200) n join fleet.users u on u.id = n + 64;

-- Four assignments a vehicle, one after another; the last one of most vehicles goes on. Drivers n and n + 8 are of one organization.
insert into fleet.assignments (organization_id, vehicle_id, driver_id, starts_at, ends_at)
select v.organization_id, v.id, d.id, began, case when turn = 4 and v.id % 10 > 0 then null else began + interval '100 days' end
  from fleet.vehicles v
  cross join generate_series(1, 4) turn
  cross join lateral (select now() - (4 - turn) * interval '120 days' - (1 + pg_temp.draw(v.id, 'began', 90)) * interval '1 day') t (began)
  join fleet.drivers d on d.id = 8 * pg_temp.draw(v.id * 4 + turn, 'driver', 270) + v.organization_id + 7
   and d.organization_id = v.organization_id
 order by began;

insert into fleet.maintenance (organization_id, vehicle_id, type, status, due_on, done_on, odometer_km, cost, notes)
select organization_id, id, pg_temp.pick(n, 'type', array['oil', 'oil', 'tyres', 'brakes', 'inspection', 'repair', 'battery']), state,
       due, case state when 'done' then due + 1 end, odometer_km - turn * 500, case state when 'done' then 40 + pg_temp.draw(n, 'cost', 90000) / 100.0 end, null
  from fleet.vehicles
  cross join generate_series(1, 6) turn
  cross join lateral (select id * 6 + turn) number (n)
  cross join lateral (select current_date + 60 - turn * 100 + pg_temp.draw(n, 'due', 90)) at (due)
  cross join lateral (select case when due > current_date then 'planned' when due > current_date - 4 then 'in_progress'
                                  when pg_temp.draw(n, 'cancelled', 20) = 0 then 'cancelled' else 'done' end) work (state);

insert into fleet.fuel (organization_id, vehicle_id, driver_id, filled_at, liters, cost, odometer_km, station)
select v.organization_id, v.id, a.driver_id, now() - turn * interval '8 days' - pg_temp.draw(v.id * 8 + turn, 'filled', 8 * 24 * 60) * interval '1 minute',
       20 + pg_temp.draw(v.id * 8 + turn, 'liters', 6000) / 100.0, 30 + pg_temp.draw(v.id * 8 + turn, 'price', 12000) / 100.0, v.odometer_km - least(turn * 400, v.odometer_km),
       pg_temp.pick(v.id * 8 + turn, 'station', array['North Gate', 'Harbour', 'Ring Road', 'Mill Lane', 'Airport', 'Depot'])
  from fleet.vehicles v join generate_series(0, 7) turn on true left join fleet.assignments a on a.vehicle_id = v.id and a.ends_at is null
 order by 4;

insert into fleet.work_orders (organization_id, vehicle_id, title, description, priority, status, assigned_to, opened_at, due_at, closed_at, cost)
select organization_id, id, pg_temp.pick(n, 'title', array['Replace brake pads', 'Noise from the engine', 'Change tyres', 'Dent in the door', 'Heating does not work', 'Software update', 'Check the battery']),
       '', pg_temp.pick(n, 'priority', array['low', 'low', 'normal', 'normal', 'normal', 'normal', 'normal', 'high', 'high', 'urgent']), state,
       8 * pg_temp.draw(n, 'assigned', 6) + 16 + (organization_id + 7) % 8, opened, opened + interval '10 days', case state when 'closed' then opened + interval '4 days' end,
       case state when 'closed' then 50 + pg_temp.draw(n, 'cost', 100000) / 100.0 end
  from fleet.vehicles, generate_series(0, 2) turn, lateral (select id * 3 + turn) number (n),
       lateral (select now() - pg_temp.draw(n, 'opened', 500 * 24) * interval '1 hour',
                       case when pg_temp.draw(n, 'work', 100) < 85 then 'closed' when pg_temp.draw(n, 'work', 100) < 92 then 'open'
                            when pg_temp.draw(n, 'work', 100) < 97 then 'in_progress' else 'waiting' end) at (opened, state);

insert into fleet.inspections (organization_id, vehicle_id, driver_id, inspected_at, passed, defects)
select v.organization_id, v.id, a.driver_id, now() - turn * interval '20 days' - pg_temp.draw(n, 'at', 20 * 24) * interval '1 hour', result > 5,
       case when result > 5 then '{}' else array[pg_temp.pick(n, 'defect', array['tyre', 'light', 'mirror', 'windscreen', 'brake', 'seat belt'])] end
  from fleet.vehicles v join generate_series(0, 4) turn on true left join fleet.assignments a on a.vehicle_id = v.id and a.ends_at is null,
       lateral (select v.id * 5 + turn) number (n), lateral (select pg_temp.draw(n, 'result', 100)) drawn (result);

insert into fleet.documents (organization_id, entity_type, entity_id, type, status, title, text, expires_on, created_at)
select organization_id, 'vehicle', id, kind, case when expires < current_date then 'expired' when pg_temp.draw(n, 'draft', 50) = 0 then 'draft' else 'valid' end,
       initcap(kind) || ' of ' || plate, case kind when 'invoice' then 'Invoice ' || n || ' for brake pads and labour' else 'Number ' || n || ' issued by the office of vehicles' end,
       expires, now() - pg_temp.draw(n, 'created', 700) * interval '1 day'
  from fleet.vehicles, unnest(array['registration', 'insurance', 'invoice']) with ordinality as kinds (kind, turn),
       lateral (select id * 3 + turn::integer) number (n), lateral (select case kind when 'invoice' then null else current_date - 60 + pg_temp.draw(n, 'until', 700) end) until (expires);

insert into fleet.alerts (organization_id, vehicle_id, type, severity, message, created_at, read_at)
select organization_id, id, kind, case when level = 0 then 'critical' when level < 4 then 'warning' else 'info' end,
       case kind when 'speeding' then 'Faster than 130 km/h' when 'low_fuel' then 'Less than 10 % fuel' when 'engine' then 'The engine reports a fault'
                 when 'geofence' then 'Left its area' else 'Maintenance is due' end || ': ' || plate,
       at, case when at < now() - interval '3 days' then at + interval '2 hours' end
  from fleet.vehicles, generate_series(0, 3) turn, lateral (select id * 4 + turn) number (n),
       lateral (select pg_temp.pick(n, 'kind', array['speeding', 'speeding', 'low_fuel', 'low_fuel', 'engine', 'maintenance_due', 'geofence']), pg_temp.draw(n, 'level', 20),
                       now() - pg_temp.draw(n, 'alert', 90 * 24 * 60) * interval '1 minute') drawn (kind, level, at);

insert into fleet.audit_log (organization_id, at, actor, action, entity, entity_id, before, after)
select organization_id, now() - pg_temp.draw(n, 'at', 700 * 24 * 60) * interval '1 minute', 'user-' || 8 * pg_temp.draw(n, 'who', 6) + 16 + (organization_id + 7) % 8, 'update', 'vehicles', id,
       jsonb_build_object('id', id, 'plate', plate, 'status', 'in_service'), jsonb_build_object('id', id, 'plate', plate, 'status', status)
  from fleet.vehicles, generate_series(0, 3) turn, lateral (select id * 4 + turn) number (n);

-- Each third vehicle has a device, which sent a measurement each 30 minutes of the last day.
insert into fleet.telematics (vehicle_id, recorded_at, organization_id, latitude, longitude, speed_kmh, heading, fuel_percent, engine_on)
select id, at, organization_id, 52.5 + 0.2 * sin(id + hour / 4.0), 13.4 + 0.3 * cos(id * 1.7 + hour / 5.0),
       case when engine then 20 + (id * 7 + step * 13) % 115 else 0 end, (id * 31 + step * 17) % 360, 100 - (id * 3 + step * 2) % 97, engine
  from fleet.vehicles, generate_series(0, 47) step, lateral (select step / 2.0, now() - step * interval '30 minutes') t (hour, at),
       lateral (select (id + step) % 5 > 0) e (engine)
 where id % 3 = 0;

insert into fleet.positions (vehicle_id, organization_id, recorded_at, latitude, longitude, speed_kmh, heading)
select distinct on (vehicle_id) vehicle_id, organization_id, recorded_at, latitude, longitude, speed_kmh, heading
  from fleet.telematics order by vehicle_id, recorded_at desc;

select setval(pg_get_serial_sequence('fleet.' || name, 'id'), top) from (
  select 'organizations', max(id) from fleet.organizations union all select 'users', max(id) from fleet.users
  union all select 'vehicles', max(id) from fleet.vehicles union all select 'drivers', max(id) from fleet.drivers
) as used (name, top);
