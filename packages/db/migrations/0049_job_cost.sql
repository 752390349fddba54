-- What an item costs: a row of it is written without a check of its job.

-- Every writer of items holds a lock on the row of their job, and changes or adds one of its chunks, whose foreign key remains: a
-- concurrent deletion of the job waits for it, or fails. So the check of the foreign key found nothing, and was a third of the cost
-- of a row.
alter table tidemark.job_items drop constraint job_items_job_id_fkey;
create function tidemark.drop_job_items() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'TRUNCATE' then
    truncate tidemark.job_items;
  else
    delete from tidemark.job_items where job_id = old.id;
  end if;
  return null;
end $$;
revoke execute on function tidemark.drop_job_items() from public;
create trigger drop_job_items after delete on tidemark.jobs for each row execute function tidemark.drop_job_items();
create trigger drop_all_job_items after truncate on tidemark.jobs for each statement execute function tidemark.drop_job_items();


-- A key has some 70 characters, and each file wrote it into this index once more. Its hash has 8 bytes.
drop index tidemark.file_contents_storage_key;
create index file_contents_storage_key on tidemark.file_contents (hashtextextended(storage_key, 0));

-- Deletes rows of a job that ended, or of one that is gone, for 20 ms and the rows that are under way then, so that no lock is held for
-- longer on a slow disk. Returns whether some may be left. `before` is of outputs alone: older ones.
create function tidemark.delete_job_rows(part text, job uuid, before timestamptz default null) returns boolean
language plpgsql set search_path = '' as $$
#variable_conflict use_column
declare
  stop_at timestamptz := clock_timestamp() + interval '20 ms';
  most constant int := 20;
  deleted int;
begin
  -- A crash that undoes the deletion has it made again, so that its locks do not wait for the disk.
  perform set_config('synchronous_commit', 'off', true);
  loop
    case part
      when 'files' then
        delete from tidemark.files where id in (
          select id from tidemark.files where job_id = delete_job_rows.job
            and (delete_job_rows.before is null or created_at < delete_job_rows.before) limit most);
      when 'job_items' then
        delete from tidemark.job_items where job_id = delete_job_rows.job and index in (
          select index from tidemark.job_items where job_id = delete_job_rows.job order by index limit most);
      when 'job_chunks' then
        delete from tidemark.job_chunks where job_id = delete_job_rows.job and chunk in (
          select chunk from tidemark.job_chunks where job_id = delete_job_rows.job order by chunk limit most);
    end case;
    get diagnostics deleted = row_count;
    if deleted < most then
      return false;
    end if;
    if clock_timestamp() >= stop_at then
      return true;
    end if;
  end loop;
end $$;
revoke execute on function tidemark.delete_job_rows(text, uuid, timestamptz) from public;
grant execute on function tidemark.delete_job_rows(text, uuid, timestamptz) to tidemark_batch;

-- Batch writes type, size and hash of an output into its row alone. Uploads run as their caller, who may not say them, so that the
-- service has written them into file_contents.
alter table tidemark.file_contents
  alter column content_type drop not null,
  alter column size drop not null,
  alter column sha256 drop not null,
  add constraint file_contents_facts_check check (num_nulls(content_type, size, sha256) in (0, 3));
create or replace function tidemark.fill_file() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  contents record;
begin
  select c.content_type, c.size, c.sha256 into contents from tidemark.file_contents c where c.id = new.id;
  if not found then
    raise exception using errcode = 'PT400', message = 'the row of a file is inserted together with its bytes',
      hint = 'Upload the bytes by PUT /api/v1/files/<path>, which inserts the row.';
  end if;
  if contents.sha256 is not null then
    new.content_type := contents.content_type;
    new.size := contents.size;
    new.sha256 := contents.sha256;
  end if;
  new.bucket := coalesce(new.bucket, tidemark.private_bucket(new.owner));
  return new;
end $$;
