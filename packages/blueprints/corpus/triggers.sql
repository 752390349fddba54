-- A message moves its thread to the top of the list. Several messages of one statement cost each thread one update.
create function corpus.count_messages() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    update corpus.threads t set messages = t.messages + a.count, last_message_at = greatest(t.last_message_at, a.latest)
      from (select thread_id, count(*)::integer as count, max(created_at) as latest from changed group by thread_id order by thread_id) a
      where t.id = a.thread_id;
  else
    update corpus.threads t set messages = t.messages - a.count
      from (select thread_id, count(*)::integer as count from changed group by thread_id order by thread_id) a where t.id = a.thread_id;
  end if;
  return null;
end $$;
revoke execute on function corpus.count_messages() from public;
create trigger count_added after insert on corpus.messages
  referencing new table as changed for each statement execute function corpus.count_messages();
create trigger count_removed after delete on corpus.messages
  referencing old table as changed for each statement execute function corpus.count_messages();
