-- Live: whole old rows, so that an update can enter or leave a filter, and a policy can be checked for deleted rows.
do $$
declare
  live text;
begin
  foreach live in array array['devices', 'preferences', 'albums', 'pictures', 'batches'] loop
    execute format('alter table sync.%I replica identity full', live);
    execute format('alter publication tidemark add table sync.%I', live);
  end loop;
end $$;
