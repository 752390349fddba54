-- An image with an outline of the model is segmented. Several outlines of one statement cost each image one update.
create function imaging.mark_segmented() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update imaging.images i set state = 'segmented'
    from (select distinct project_id, image_id from added where source = 'model' order by image_id) a
   where i.project_id = a.project_id and i.id = a.image_id and i.state <> 'segmented';
  return null;
end $$;
revoke execute on function imaging.mark_segmented() from public;
create trigger mark_segmented after insert on imaging.segmentations
  referencing new table as added for each statement execute function imaging.mark_segmented();
