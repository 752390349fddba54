-- Live: whole old rows, so that an update can enter or leave a filter, and a policy can be checked for deleted rows.
do $$
declare
  live text;
begin
  foreach live in array array['projects', 'shares', 'images', 'segmentations'] loop
    execute format('alter table imaging.%I replica identity full', live);
    execute format('alter publication tidemark add table imaging.%I', live);
  end loop;
end $$;
