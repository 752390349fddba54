-- Gives everything that the administrator made in this database to the role `tidemark`, if Tidemark's schema is among it: for a
-- database whose services logged in as a superuser before. Objects of extensions and of the system stay as they are.
do $$
declare
  me oid := (select oid from pg_roles where rolname = current_user);
  line text;
begin
  if not exists (select from pg_namespace where nspname = 'tidemark' and nspowner = me) then return; end if;
  for line in
    with mine as (
      select oid, nspname from pg_namespace n
      where nspname !~ '^pg_' and nspname <> 'information_schema'
        and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e')
    ), extension as (
      select classid, objid from pg_depend where deptype = 'e'
    )
    select format('alter schema %I owner to tidemark', nspname) from mine join pg_namespace using (oid, nspname)
      where nspowner = me and nspname not in ('public', 'tidemark_statistics')
    union all
    select format('grant usage on schema %I to tidemark_gateway, tidemark_realtime, tidemark_batch', nspname) from mine join pg_namespace using (oid, nspname)
      where nspowner = me and nspname not in ('public', 'tidemark_statistics')
    union all
    select format('alter table %I.%I owner to tidemark', mine.nspname, c.relname) from pg_class c join mine on mine.oid = c.relnamespace
      where c.relowner = me and c.relkind in ('r', 'p', 'v', 'm', 'f') and not exists (select from extension e where e.classid = 'pg_class'::regclass and e.objid = c.oid)
    union all
    -- A sequence that belongs to a column went with its table.
    select format('alter sequence %I.%I owner to tidemark', mine.nspname, c.relname) from pg_class c join mine on mine.oid = c.relnamespace
      where c.relowner = me and c.relkind = 'S'
        and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i', 'e'))
    union all
    select format('alter routine %s owner to tidemark', p.oid::regprocedure) from pg_proc p join mine on mine.oid = p.pronamespace
      where p.proowner = me and p.prokind <> 'a' and not exists (select from extension e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
    union all
    select format('alter aggregate %I.%I(%s) owner to tidemark', mine.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
      from pg_proc p join mine on mine.oid = p.pronamespace
      where p.proowner = me and p.prokind = 'a' and not exists (select from extension e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
    union all
    select format('alter type %I.%I owner to tidemark', mine.nspname, t.typname) from pg_type t join mine on mine.oid = t.typnamespace
      where t.typowner = me and t.typtype in ('e', 'd', 'c', 'r') and (t.typrelid = 0 or (select relkind from pg_class where oid = t.typrelid) = 'c')
        and not exists (select from extension e where e.classid = 'pg_type'::regclass and e.objid = t.oid)
    union all
    select format('alter publication %I owner to tidemark', pubname) from pg_publication where pubowner = me and not puballtables
  loop
    execute line;
  end loop;
end $$;
