-- Each index has above it the query that it is for. A test runs these queries and looks for the index in their plans.
-- Most begin with organization_id, since every query of a signed-in user is for one organization.

-- Vehicles

-- select * from fleet.vehicles where organization_id = 3 and status = 'in_repair'
create index vehicles_status on fleet.vehicles (organization_id, status);

-- select * from fleet.vehicles where organization_id = 3 and type = 'bus' order by id limit 20
create index vehicles_type on fleet.vehicles (organization_id, type, id);

-- select * from fleet.vehicles where vin = '1TMAAAAAAAAA00042'
create unique index vehicles_vin on fleet.vehicles (vin);

-- select * from fleet.vehicles where organization_id = 3 and plate = 'TM 3-142'
create unique index vehicles_plate on fleet.vehicles (organization_id, plate);

-- select * from fleet.vehicles where make = 'Halden' and model = 'Combi 20'
create index vehicles_make_model on fleet.vehicles (make, model);

-- select id, plate, odometer_km from fleet.vehicles where organization_id = 3 order by odometer_km desc limit 10
create index vehicles_odometer on fleet.vehicles (organization_id, odometer_km desc) include (id, plate);

-- select * from fleet.vehicles where attributes @> '{"refrigerated": true, "seats": 3}'
create index vehicles_attributes on fleet.vehicles using gin (attributes jsonb_path_ops);

-- select * from fleet.vehicles where lower(plate) like 'tm 3-14%'
create index vehicles_plate_prefix on fleet.vehicles (lower(plate) text_pattern_ops);

-- Drivers

-- select * from fleet.drivers where organization_id = 3 and status = 'suspended'
create index drivers_status on fleet.drivers (organization_id, status);

-- select * from fleet.drivers where license_number = 'L0000042'
create unique index drivers_license on fleet.drivers (license_number);

-- select * from fleet.drivers where organization_id = 3 and active order by name limit 20
create index drivers_active on fleet.drivers (organization_id, name) where active;

-- select * from fleet.drivers where organization_id = 3 and license_expires_on < current_date + 14 order by license_expires_on
create index drivers_license_expires on fleet.drivers (organization_id, license_expires_on);

-- select * from fleet.drivers where user_id = 42
create index drivers_user on fleet.drivers (user_id) where user_id is not null;

-- Assignments

-- select * from fleet.assignments where vehicle_id = 42 order by starts_at desc
create index assignments_vehicle on fleet.assignments (vehicle_id, starts_at desc);

-- select * from fleet.assignments where driver_id = 42 order by starts_at desc
create index assignments_driver on fleet.assignments (driver_id, starts_at desc);

-- select * from fleet.assignments where vehicle_id = 42 and ends_at is null
create unique index assignments_current on fleet.assignments (vehicle_id) where ends_at is null;

-- select * from fleet.assignments where driver_id = 42 and ends_at is null
create index assignments_current_driver on fleet.assignments (driver_id) where ends_at is null;

-- select * from fleet.assignments where tstzrange(starts_at, ends_at) && tstzrange(now() - interval '400 days', now() - interval '395 days')
create index assignments_period on fleet.assignments using gist (tstzrange(starts_at, ends_at));

-- select * from fleet.assignments where organization_id = 3 and starts_at >= now() - interval '5 days' order by starts_at
create index assignments_starts on fleet.assignments (organization_id, starts_at);

-- Maintenance

-- select * from fleet.maintenance where vehicle_id = 42 order by due_on desc
create index maintenance_history on fleet.maintenance (vehicle_id, due_on desc);

-- select * from fleet.maintenance where organization_id = 3 and status = 'in_progress'
create index maintenance_status on fleet.maintenance (organization_id, status);

-- select * from fleet.maintenance where organization_id = 3 and status = 'planned' and due_on < current_date + 7 order by due_on
create index maintenance_upcoming on fleet.maintenance (organization_id, due_on) where status = 'planned';

-- select * from fleet.maintenance where organization_id = 3 and type = 'battery' order by due_on desc limit 20
create index maintenance_type on fleet.maintenance (organization_id, type, due_on desc);

-- Fuel

-- select * from fleet.fuel where vehicle_id = 42 order by filled_at desc limit 20
create index fuel_history on fleet.fuel (vehicle_id, filled_at desc);

-- select sum(cost), sum(liters) from fleet.fuel where organization_id = 3 and filled_at >= now() - interval '30 days'
create index fuel_range on fleet.fuel (organization_id, filled_at) include (cost, liters);

-- select * from fleet.fuel where organization_id = 3 order by cost desc limit 10
create index fuel_cost on fleet.fuel (organization_id, cost desc);

-- select * from fleet.fuel where driver_id = 42 order by filled_at desc limit 20
create index fuel_driver on fleet.fuel (driver_id, filled_at desc) where driver_id is not null;

-- Work orders

-- select * from fleet.work_orders where vehicle_id = 42 order by opened_at desc
create index work_orders_vehicle on fleet.work_orders (vehicle_id, opened_at desc);

-- select * from fleet.work_orders where organization_id = 3 and status = 'waiting' order by id limit 20
create index work_orders_status on fleet.work_orders (organization_id, status, id);

-- select * from fleet.work_orders where organization_id = 3 and priority = 'urgent' order by opened_at desc limit 20
create index work_orders_priority on fleet.work_orders (organization_id, priority, opened_at desc);

-- select * from fleet.work_orders where organization_id = 3 and status <> 'closed' order by due_at limit 20
create index work_orders_open on fleet.work_orders (organization_id, due_at) where status <> 'closed';

-- select * from fleet.work_orders where assigned_to = 42 and status <> 'closed'
create index work_orders_assigned on fleet.work_orders (assigned_to) where status <> 'closed';

-- Telematics: these are made for each partition

-- select * from fleet.telematics where organization_id = 3 and recorded_at >= now() - interval '1 hour' order by recorded_at desc limit 100
create index telematics_series on fleet.telematics (organization_id, recorded_at desc);

-- select * from fleet.telematics where latitude between 52.50 and 52.501 and longitude between 13.2 and 13.6
create index telematics_location on fleet.telematics (latitude, longitude);

-- select * from fleet.telematics where organization_id = 3 and speed_kmh > 130
create index telematics_speed on fleet.telematics (organization_id, speed_kmh) where speed_kmh > 120;

-- select avg(speed_kmh) from fleet.telematics where recorded_at >= now() - interval '5 days' and recorded_at < now() - interval '4 days'
create index telematics_recorded on fleet.telematics using brin (recorded_at) with (pages_per_range = 16);

-- select * from fleet.telematics where vehicle_id = 42 and fuel_percent < 10 order by recorded_at desc limit 5
create index telematics_low_fuel on fleet.telematics (vehicle_id, recorded_at desc) where fuel_percent < 10;

-- Positions

-- select * from fleet.positions where organization_id = 3
create index positions_organization on fleet.positions (organization_id);

-- select * from fleet.positions where point(longitude, latitude) <@ box '((13.40,52.50),(13.42,52.51))'
create index positions_location on fleet.positions using gist (point(longitude, latitude));

-- Inspections

-- select * from fleet.inspections where vehicle_id = 42 order by inspected_at desc limit 10
create index inspections_vehicle on fleet.inspections (vehicle_id, inspected_at desc);

-- select passed, count(*) from fleet.inspections where organization_id = 3 group by passed
create index inspections_passed on fleet.inspections (organization_id, passed);

-- select * from fleet.inspections where organization_id = 3 and not passed order by inspected_at desc limit 20
create index inspections_failed on fleet.inspections (organization_id, inspected_at desc) where not passed;

-- select * from fleet.inspections where organization_id = 3 and inspected_at >= now() - interval '2 days'
create index inspections_date on fleet.inspections (organization_id, inspected_at desc);

-- select * from fleet.inspections where defects @> '{windscreen}'
create index inspections_defects on fleet.inspections using gin (defects);

-- Documents

-- select * from fleet.documents where entity_type = 'vehicle' and entity_id = 42
create index documents_entity on fleet.documents (entity_type, entity_id);

-- select * from fleet.documents where organization_id = 3 and type = 'invoice' order by created_at desc limit 20
create index documents_type on fleet.documents (organization_id, type, created_at desc);

-- select * from fleet.documents where organization_id = 3 and status = 'draft'
create index documents_status on fleet.documents (organization_id, status);

-- select * from fleet.documents where organization_id = 3 and status = 'valid' and expires_on < current_date + 10 order by expires_on
create index documents_expiring on fleet.documents (organization_id, expires_on) where status = 'valid';

-- select * from fleet.documents where to_tsvector('simple', title || ' ' || text) @@ to_tsquery('simple', 'brake & 421')
create index documents_search on fleet.documents using gin (to_tsvector('simple', title || ' ' || text));

-- select * from fleet.documents where file_id = '00000000-0000-0000-0000-000000000000'
create index documents_file on fleet.documents (file_id) where file_id is not null;

-- Alerts

-- select * from fleet.alerts where vehicle_id = 42 order by created_at desc limit 10
create index alerts_vehicle on fleet.alerts (vehicle_id, created_at desc);

-- select * from fleet.alerts where organization_id = 3 and severity = 'critical' order by created_at desc limit 20
create index alerts_severity on fleet.alerts (organization_id, severity, created_at desc);

-- select * from fleet.alerts where organization_id = 3 and read_at is null order by created_at desc limit 20
create index alerts_unread on fleet.alerts (organization_id, created_at desc) where read_at is null;

-- select * from fleet.alerts where organization_id = 3 and type = 'geofence' order by created_at desc limit 20
create index alerts_type on fleet.alerts (organization_id, type, created_at desc);

-- Users

-- select * from fleet.users where lower(email) = 'user42@org3.example'
create unique index users_email on fleet.users (lower(email));

-- select * from fleet.users where organization_id = 3 and active order by name limit 20
create index users_active on fleet.users (organization_id, name) where active;

-- select * from fleet.users where organization_id = 3 and role = 'dispatcher'
create index users_role on fleet.users (organization_id, role);

-- Audit log

-- select * from fleet.audit_log where entity = 'vehicles' and entity_id = 42 order by at desc
create index audit_log_entity on fleet.audit_log (entity, entity_id, at desc);

-- select * from fleet.audit_log where actor = 'user-42' order by at desc limit 20
create index audit_log_actor on fleet.audit_log (actor, at desc);

-- select * from fleet.audit_log where organization_id = 3 order by at desc limit 50
create index audit_log_time on fleet.audit_log (organization_id, at desc);

-- select * from fleet.audit_log where after @> '{"status": "in_repair", "plate": "TM 3-142"}'
create index audit_log_after on fleet.audit_log using gin (after jsonb_path_ops);
