-- What the work on a chunk costs: its results are one statement, and its items are written once.

-- A chunk's row changes state three times. Items of more than 2 KB are kept apart from the row, so that these changes do not copy them.
alter table tidemark.job_chunks set (toast_tuple_target = 128);

-- Adds chunks, {items, delay_ms, losses, target}, after those of the job, which the caller has locked.
create function tidemark.add_chunks(job uuid, chunks jsonb) returns void language plpgsql set search_path = '' as $$
#variable_conflict use_column
begin
  insert into tidemark.job_chunks (job_id, chunk, items, not_before, losses, target)
    select add_chunks.job,
      coalesce((select max(chunk) from tidemark.job_chunks where job_id = add_chunks.job), -1) + ordinality,
      c -> 'items', clock_timestamp() + (c ->> 'delay_ms')::float8 * interval '1 ms', coalesce((c ->> 'losses')::int, 0), c ->> 'target'
    from jsonb_array_elements(add_chunks.chunks) with ordinality as e (c, ordinality);
end $$;

-- Writes rows of items with indexes from `first` to `last`. Items that ran before have rows, which are replaced. Looking for one is
-- cheaper than ON CONFLICT, which writes each row in two steps. The caller has locked the job, so that nobody else adds one meanwhile.
create function tidemark.write_items(job uuid, rows json, first int, last int) returns void language plpgsql set search_path = '' as $$
#variable_conflict use_column
begin
  if exists (select from tidemark.job_items where job_id = write_items.job and index between write_items.first and write_items.last) then
    delete from tidemark.job_items i using json_to_recordset(write_items.rows) as r (index int)
      where i.job_id = write_items.job and i.index = r.index;
  end if;
  insert into tidemark.job_items (job_id, index, state, attempts, input, value, files, code, error, duration_ms, dead_letter)
    select write_items.job, index, state, attempts, input, value::jsonb, coalesce(files, '{}'), code, error, duration_ms,
      coalesce(dead_letter, false)
    from json_to_recordset(write_items.rows) as r (
      index int, state text, attempts int, input jsonb, value text, files uuid[], code text, error jsonb, duration_ms float8,
      dead_letter boolean);
end $$;

-- planned → queued, until `most` chunks of the job are queued or running. The caller has locked the job.
create function tidemark.open_window(job uuid, most int) returns table (chunk int, attempt int)
language plpgsql set search_path = '' as $$
#variable_conflict use_column
begin
  return query
    update tidemark.job_chunks c set state = 'queued', attempt = attempt + 1, queued_at = clock_timestamp()
    from (
      select p.chunk from tidemark.job_chunks p where p.job_id = open_window.job and p.state = 'planned'
        and (p.not_before is null or p.not_before <= clock_timestamp())
        and (p.target is null or not exists (
          select from tidemark.job_targets t join tidemark.jobs j on j.kind = t.kind and j.tenant = t.tenant
          where j.id = p.job_id and t.target = p.target and t.blocked_until > clock_timestamp()))
      order by p.chunk
      limit greatest(0, open_window.most - (
        select count(*)::int from tidemark.job_chunks where job_id = open_window.job and state in ('queued', 'running')))
    ) as next
    where c.job_id = open_window.job and c.chunk = next.chunk and c.state = 'planned'
    returning c.chunk, c.attempt;
end $$;

-- Everything that the end of a chunk changes in one statement, and so in one round trip and one commit: the chunk, its items, chunks
-- of items that run again, the measured ms of an item, the next chunks of the window, and the end of a job without failures. No row:
-- the chunk is no longer the worker's, and nothing was written. `may_end` is false for a job whose kind has something to do at its
-- end. `is_over` leaves the end to the caller.
create function tidemark.complete_chunk(
  job uuid, chunk int, attempt int, worker text, done int, failed int, rows json, first int, last int, retries jsonb, item_ms float8,
  window_size int, may_end boolean
) returns table (priority text, planned_all boolean, queued json, is_over boolean, ended_with int)
language plpgsql set search_path = '' as $$
#variable_conflict use_column
declare
  job_state text;
  sums record;
begin
  -- Serialises the decisions about a job. No key is updated, so that the foreign keys of its chunks do not wait.
  select j.state, j.priority, j.planned_all into job_state, priority, planned_all from tidemark.jobs j
    where j.id = complete_chunk.job and j.state in ('running', 'paused') for no key update;
  if not found then
    return;
  end if;
  -- The items have rows now, or are in other chunks, so that they are not written here once more.
  -- A chunk of items that are retried by hand has minus their number of failures: chunks before it have counted them.
  update tidemark.job_chunks c
    set state = 'done', done = complete_chunk.done, failed = c.failed + complete_chunk.failed, lease_until = null,
      items = '[]', finished_at = clock_timestamp()
    where c.job_id = complete_chunk.job and c.chunk = complete_chunk.chunk and c.attempt = complete_chunk.attempt
      and c.worker = complete_chunk.worker and c.state = 'running';
  if not found then
    return;
  end if;
  if rows is not null then
    perform tidemark.write_items(complete_chunk.job, rows, first, last);
  end if;
  if retries is not null then
    perform tidemark.add_chunks(complete_chunk.job, retries);
  end if;
  if complete_chunk.item_ms is not null then
    update tidemark.job_requests r set item_ms = complete_chunk.item_ms where r.job_id = complete_chunk.job;
  end if;
  queued := '[]';
  if job_state = 'running' then
    select coalesce(json_agg(w), '[]') into queued from tidemark.open_window(complete_chunk.job, window_size) as w;
  end if;
  is_over := planned_all and not exists (
    select from tidemark.job_chunks c where c.job_id = complete_chunk.job and c.state in ('planned', 'queued', 'running'));
  if is_over and may_end then
    select sum(c.done)::int as done, sum(c.failed)::int as failed into sums from tidemark.job_chunks c where c.job_id = complete_chunk.job;
    if sums.failed = 0 then
      update tidemark.jobs j set state = 'succeeded', done = sums.done, failed = 0, error = null, finished_at = clock_timestamp()
        where j.id = complete_chunk.job;
      is_over := false;
      ended_with := sums.done;
    end if;
  end if;
  return next;
end $$;

revoke execute on function tidemark.add_chunks(uuid, jsonb), tidemark.write_items(uuid, json, int, int), tidemark.open_window(uuid, int),
  tidemark.complete_chunk(uuid, int, int, text, int, int, json, int, int, jsonb, float8, int, boolean) from public;
grant execute on function tidemark.add_chunks(uuid, jsonb), tidemark.write_items(uuid, json, int, int), tidemark.open_window(uuid, int),
  tidemark.complete_chunk(uuid, int, int, text, int, int, json, int, int, jsonb, float8, int, boolean) to tidemark_batch;
