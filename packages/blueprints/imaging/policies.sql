-- A project is for its owner and the members that the owner names. Strangers (anon) have no rights at all.
grant usage on schema imaging to authenticated, service_role;
grant select, insert, update, delete on all tables in schema imaging to service_role;
grant select, delete on all tables in schema imaging to authenticated;
grant insert (name, owner), update (name) on imaging.projects to authenticated;
grant insert, update (role) on imaging.shares to authenticated;
grant insert, update (name, state) on imaging.images to authenticated;
grant insert, update (label, polygon, area) on imaging.segmentations to authenticated;

do $$
declare
  -- The subquery lets Postgres read the claim once for each statement and not once for each row.
  sub constant text := $c$(select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')$c$;
  mine constant text := format('owner = %s', sub);
  -- The policies of projects apply inside of the subquery.
  visible constant text := 'project_id in (select id from imaging.projects)';
  editable constant text := format('project_id in (select id from imaging.projects where owner = %1$s
    union all select s.project_id from imaging.shares s where s.member = %1$s and s.role = ''editor'')', sub);
  of_project constant text := 'bucket = ''imaging'' and split_part(path, ''/'', 1)';
  name text;
begin
  foreach name in array array['projects', 'shares', 'images', 'segmentations'] loop
    execute format('alter table imaging.%I enable row level security', name);
    execute format('create policy service on imaging.%I to service_role using (true)', name);
  end loop;

  execute format('create policy read on imaging.projects for select to authenticated
    using (%s or id in (select s.project_id from imaging.shares s where s.member = %s))', mine, sub);
  execute format('create policy add on imaging.projects for insert to authenticated with check (%s)', mine);
  execute format('create policy change on imaging.projects for update to authenticated using (%s)', mine);
  execute format('create policy remove on imaging.projects for delete to authenticated using (%s)', mine);

  -- A member may leave. The foreign key on project and owner keeps a user from sharing the project of another.
  execute format('create policy read on imaging.shares for select to authenticated using (%s or member = %s)', mine, sub);
  execute format('create policy add on imaging.shares for insert to authenticated with check (%s)', mine);
  execute format('create policy change on imaging.shares for update to authenticated using (%s)', mine);
  execute format('create policy remove on imaging.shares for delete to authenticated using (%s or member = %s)', mine, sub);

  -- The file of an image is one of the same project, or an image could show the file of another.
  execute format('create policy read on imaging.images for select to authenticated using (%s)', visible);
  execute format('create policy add on imaging.images for insert to authenticated with check (%s and added_by = %s and exists (
    select from tidemark.files f where f.id = file_id and f.%s = project_id::text))', editable, sub, of_project);
  execute format('create policy change on imaging.images for update to authenticated using (%s)', editable);
  execute format('create policy remove on imaging.images for delete to authenticated using (%s)', editable);

  execute format('create policy read on imaging.segmentations for select to authenticated using (%s)', visible);
  execute format('create policy add on imaging.segmentations for insert to authenticated with check (%s and author = %s)', editable, sub);
  execute format('create policy change on imaging.segmentations for update to authenticated using (%s)', editable);
  execute format('create policy remove on imaging.segmentations for delete to authenticated using (%s)', editable);

  -- The files of a project, for the same users.
  execute format('create policy imaging_read on tidemark.files for select to authenticated
    using (%s in (select p.id::text from imaging.projects p))', of_project);
  execute format('create policy imaging_add on tidemark.files for insert to authenticated
    with check (visibility = ''private'' and owner = %2$s and %1$s in (select p.id::text from imaging.projects p where p.owner = %2$s
      union all select s.project_id::text from imaging.shares s where s.member = %2$s and s.role = ''editor''))', of_project, sub);
  execute format('create policy imaging_remove on tidemark.files for delete to authenticated
    using (%1$s in (select p.id::text from imaging.projects p where p.owner = %2$s))', of_project, sub);
end $$;
