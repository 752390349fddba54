-- A token names its organization and the role in it: {"role": "authenticated", "sub": "…", "organization_id": 1, "fleet_role": "manager"}.
-- Without an organization in the token nothing is visible. Strangers (anon) have no rights at all.
grant usage on schema fleet to authenticated, service_role;

do $$
declare
  -- The subquery lets Postgres read the claim once for each statement and not once for each row.
  own constant text := $c$organization_id = (select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'organization_id')::integer)$c$;
  has_role constant text := $c$(select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'fleet_role') = any (%L::text[])$c$;
  manager constant text := format(has_role, '{manager}');
  planner constant text := format(has_role, '{manager,dispatcher}');
  member constant text := format(has_role, '{manager,dispatcher,driver}');
  rule record;
begin
  for rule in
    -- Who of an organization may read the table, add rows, change them, remove them. NULL is nobody.
    select * from (values
      ('users',       member,  manager, manager, null),
      ('vehicles',    member,  manager, manager, manager),
      ('drivers',     member,  manager, manager, manager),
      ('assignments', member,  planner, planner, manager),
      ('maintenance', member,  planner, planner, manager),
      ('fuel',        member,  member,  manager, manager),
      ('work_orders', member,  planner, planner, manager),
      ('inspections', member,  member,  null,    null),
      ('documents',   member,  planner, planner, manager),
      ('alerts',      member,  null,    member,  null),
      ('telematics',  member,  null,    null,    null),
      ('positions',   member,  null,    null,    null),
      ('audit_log',   manager, null,    null,    null)
    ) as rules (name, reads, adds, changes, removes)
  loop
    execute format('alter table fleet.%I enable row level security', rule.name);
    execute format('grant select on fleet.%I to authenticated', rule.name);
    execute format('create policy read on fleet.%I for select to authenticated using (%s and %s)', rule.name, own, rule.reads);
    if rule.adds is not null then
      execute format('grant insert on fleet.%I to authenticated', rule.name);
      execute format('create policy add on fleet.%I for insert to authenticated with check (%s and %s)', rule.name, own, rule.adds);
    end if;
    if rule.changes is not null then
      execute format('create policy change on fleet.%I for update to authenticated using (%s and %s)', rule.name, own, rule.changes);
      -- An alert is only marked as read.
      execute format('grant update %s on fleet.%I to authenticated', case rule.name when 'alerts' then '(read_at)' else '' end, rule.name);
    end if;
    if rule.removes is not null then
      execute format('grant delete on fleet.%I to authenticated', rule.name);
      execute format('create policy remove on fleet.%I for delete to authenticated using (%s and %s)', rule.name, own, rule.removes);
    end if;
    -- The services of the company that runs all this: every organization, but the audit log is written by triggers alone.
    execute format('create policy service on fleet.%I to service_role using (true)', rule.name);
    execute format('grant select on fleet.%I to service_role', rule.name);
    if rule.name not in ('audit_log', 'positions') then
      execute format('grant insert, update, delete on fleet.%I to service_role', rule.name);
    end if;
  end loop;
  execute format('create policy read on fleet.organizations for select to authenticated using (%s)', replace(own, 'organization_id =', 'id ='));
end $$;

alter table fleet.organizations enable row level security;
create policy service on fleet.organizations to service_role using (true);
grant select on fleet.organizations to authenticated;
grant select, insert, update on fleet.organizations to service_role;
-- A partition that is read by its own name would have no policies.
alter table fleet.telematics_other enable row level security;
