-- A job continues the trace of the statement that submits it. The gateway sets tidemark.trace, a W3C traceparent, in its transaction.
create function tidemark.request_trace() returns text language sql stable set search_path = '' as $$
  select substring(current_setting('tidemark.trace', true) from '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
$$;
revoke execute on function tidemark.request_trace() from public;

-- The span of its planning, once it is planned; before, that of its submission.
alter table tidemark.job_requests add column trace text;
grant update (trace) on tidemark.job_requests to tidemark_batch;

create or replace function tidemark.keep_job_request() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into tidemark.job_requests (job_id, claims, spec, kind_version, trace)
    values (new.id, coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb, coalesce(new.spec, '{}'),
      (select version from tidemark.job_kinds where name = new.kind), tidemark.request_trace());
  update tidemark.jobs set spec = null where id = new.id;
  return null;
end $$;

-- As before. Items that are retried by hand say so (`again`), and from which span. An input that could not be stored is not retried,
-- because there is none.
create or replace function tidemark.requeue_job() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  failures_with text := nullif(current_setting('tidemark.retry_code', true), '');
  mark jsonb := jsonb_strip_nulls(jsonb_build_object('attempts', 0, 'again', true, 'trace', tidemark.request_trace()));
  retried integer := 0;
begin
  update tidemark.job_chunks set state = 'planned' where job_id = new.id and state = 'queued';
  if old.state <> 'paused' then
    -- Each chunk starts with minus the number of its items, since chunks before it have counted them as failed.
    with failures as (
      update tidemark.job_items set state = 'waiting', attempts = 0
      where job_id = new.id and state = 'failed' and code is distinct from 'BATCH_INVALID_INPUT' and (failures_with is null or code = failures_with)
      returning index, input
    ), numbered as (
      select index, input, (row_number() over (order by index) - 1) / 16 as n from failures
    ), chunks as (
      insert into tidemark.job_chunks (job_id, chunk, items, failed)
      select new.id, (select coalesce(max(chunk), -1) + 1 from tidemark.job_chunks where job_id = new.id) + n,
        jsonb_agg(jsonb_build_object('index', index, 'input', input) || mark order by index), -count(*)
      from numbered group by n returning failed
    )
    select coalesce(-sum(failed), 0) into retried from chunks;
    if old.total > 0 and retried = 0 then
      raise exception using errcode = 'PT409',
        message = case when failures_with is null then 'the job has no failed items that can run again'
          else format('the job has no failed items with the code %s that can run again', failures_with) end,
        hint = 'List its failures: select * from tidemark.job_failures(<id>).';
    end if;
    new.error := null;
    new.finished_at := null;
    new.failed := new.failed - retried;
  end if;
  if exists (select from tidemark.job_chunks where job_id = new.id) then
    new.state := 'running';
  end if;
  return new;
end $$;
