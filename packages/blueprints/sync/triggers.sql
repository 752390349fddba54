-- A setting carries the time of its last change, also where a device does not send one.
create function sync.touch() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.updated_at := now();
  return new;
end $$;
revoke execute on function sync.touch() from public;
create trigger touch before insert or update on sync.preferences for each row execute function sync.touch();
