-- Live: whole old rows, so that an update can enter or leave a filter, and a policy can be checked for deleted rows.
do $$
declare
  live text;
begin
  foreach live in array array['vehicles', 'drivers', 'assignments', 'work_orders', 'alerts', 'positions', 'documents'] loop
    execute format('alter table fleet.%I replica identity full', live);
    execute format('alter publication tidemark add table fleet.%I', live);
  end loop;
end $$;
