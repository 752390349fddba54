-- Jobs: their spec in a table of its own, two more states, and functions that submit, pause, resume and retry.

-- A job's spec may be large, and the relay writes and reads the whole old row with each change of its progress. So a trigger
-- moves the spec to the table of claims, of which API roles may read the spec of jobs that they may see.
alter table tidemark.job_requests
  add column spec jsonb,
  -- Where the kind's source goes on; null: at its beginning.
  add column cursor text,
  -- An instance reads the source's next page until then.
  add column page_lease timestamptz;
update tidemark.job_requests r set spec = j.spec from tidemark.jobs j where j.id = r.job_id;
alter table tidemark.jobs alter column spec drop not null;
update tidemark.jobs set spec = null;
alter table tidemark.job_requests enable row level security;
-- The subquery runs under the policies of tidemark.jobs.
create policy job_requests_of_job on tidemark.job_requests for select to authenticated, service_role
  using (exists (select from tidemark.jobs j where j.id = job_id));
create policy job_requests_batch on tidemark.job_requests to tidemark_batch using (true);
grant select (job_id, spec) on tidemark.job_requests to authenticated, service_role;
grant update (cursor, page_lease) on tidemark.job_requests to tidemark_batch;

create or replace function tidemark.keep_job_request() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into tidemark.job_requests (job_id, claims, spec)
    values (new.id, coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb, coalesce(new.spec, '{}'));
  update tidemark.jobs set spec = null where id = new.id;
  return null;
end $$;

create function tidemark.job_spec(tidemark.jobs) returns jsonb language sql stable set search_path = '' as $$
  select r.spec from tidemark.job_requests r where r.job_id = $1.id
$$;
comment on function tidemark.job_spec(tidemark.jobs) is 'the spec of a job; jobs.spec is only for inserting';
grant execute on function tidemark.job_spec(tidemark.jobs) to authenticated, service_role;

alter table tidemark.jobs
  -- Not before this; null: at once.
  add column run_at timestamptz,
  -- Past it, the job fails with what is left of it.
  add column deadline timestamptz,
  add column idempotency_key text check (length(idempotency_key) between 1 and 255),
  -- Whether total counts all items: the source may have more pages.
  add column planned_all boolean not null default false,
  drop constraint jobs_state_check,
  add constraint jobs_state_check check (state in
    ('queued', 'planning', 'running', 'paused', 'succeeded', 'partly_failed', 'failed', 'cancelled'));
update tidemark.jobs set planned_all = true where state not in ('queued', 'planning');
grant insert (run_at, deadline, idempotency_key) on tidemark.jobs to authenticated, service_role;
grant select (run_at, deadline, planned_all) on tidemark.jobs to ops;

-- How long the job waited since it could start, how long it runs or ran, items in a second, and when it will be done: null
-- while its source has more pages.
create function tidemark.job_timing(job tidemark.jobs, out wait_seconds float8, out run_seconds float8, out rate float8, out eta timestamptz)
language sql stable set search_path = '' as $$
  select extract(epoch from coalesce(job.started_at, job.finished_at, clock_timestamp()) - greatest(job.created_at, job.run_at))::float8,
    run, rate, case when job.state = 'running' and job.planned_all and rate > 0
      then clock_timestamp() + (job.total - job.done - job.failed) / rate * interval '1 s' end
  from (select extract(epoch from coalesce(job.finished_at, clock_timestamp()) - job.started_at)::float8 as run) as r,
    lateral (select (job.done + job.failed) / nullif(run, 0) as rate) as q
$$;
grant execute on function tidemark.job_timing(tidemark.jobs) to authenticated, service_role;

drop index tidemark.jobs_unfinished;
drop index tidemark.jobs_unfinished_of;
create index jobs_unfinished on tidemark.jobs (created_at) where state in ('queued', 'planning', 'running', 'paused');
create index jobs_unfinished_of on tidemark.jobs (coalesce(owner, ''), role)
  where state in ('queued', 'planning', 'running', 'paused');
create index jobs_deadline on tidemark.jobs (deadline)
  where state in ('queued', 'planning', 'running', 'paused') and deadline is not null;
-- A job that failed or was cancelled frees its key.
create unique index jobs_idempotency_key on tidemark.jobs (role, coalesce(owner, ''), idempotency_key)
  where idempotency_key is not null and state not in ('failed', 'cancelled');

-- As before, with paused jobs among those that are not finished.
create or replace function tidemark.check_job() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  session_role text := current_setting('role');
  subject text := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
  most tidemark.job_limits;
  bytes integer := octet_length(new.spec::text);
  jobs bigint;
  items bigint;
begin
  if new.role = 'none' then
    raise exception using errcode = '22023', message = 'the job names no role to run as',
      hint = 'Name it: insert into tidemark.jobs (kind, spec, role) values (…, …, ''service_role''); or SET ROLE first.';
  end if;
  if session_role <> 'none' and (new.role <> session_role or new.owner is distinct from subject) then
    raise exception using errcode = '42501',
      message = format('the job would run as the role "%s" for %s, but "%s" inserts it for %s', new.role,
        coalesce(quote_literal(new.owner), 'nobody'), session_role, coalesce(quote_literal(subject), 'nobody')),
      hint = 'Leave role and owner out: a job runs with the rights of the identity that inserts it.';
  end if;

  select * into most from tidemark.job_limits l where l.role in (new.role, '*') order by l.role = '*' limit 1;
  if not found then
    return new; -- an operator deleted the limits
  end if;
  if bytes > most.spec_bytes then
    raise exception using errcode = 'PT413', message = format('the job''s spec has %s bytes, %s are allowed', bytes, most.spec_bytes),
      hint = 'Name the input files by a prefix, or start several jobs. The limit is spec_bytes in tidemark.job_limits.';
  end if;
  select count(*), coalesce(sum(greatest(0, j.total - j.done - j.failed)), 0) into jobs, items from tidemark.jobs j
    where j.state in ('queued', 'planning', 'running', 'paused')
      and coalesce(j.owner, '') = coalesce(new.owner, '') and j.role = new.role;
  if jobs >= most.unfinished_jobs then
    raise exception using errcode = 'PT429', message = format('%s of your jobs are not finished, %s are allowed', jobs, most.unfinished_jobs),
      hint = 'Wait for one to finish, or cancel one. The limit is unfinished_jobs in tidemark.job_limits.';
  end if;
  if items >= most.unfinished_items then
    raise exception using errcode = 'PT429', message = format('%s items of your jobs are not done, %s are allowed', items, most.unfinished_items),
      hint = 'Wait for some to finish, or cancel a job. The limit is unfinished_items in tidemark.job_limits.';
  end if;
  return new;
end $$;

-- The runner may update every column, a client only the state. The four ways of a client: cancel, pause, resume and retry.
create or replace function tidemark.check_job_change() returns trigger language plpgsql set search_path = '' as $$
declare
  is_unfinished boolean := old.state in ('queued', 'planning', 'running', 'paused');
begin
  if (new.state = 'cancelled' and is_unfinished)
    or (new.state = 'paused' and is_unfinished)
    or (new.state = 'queued' and old.state in ('paused', 'failed', 'partly_failed'))
    or has_column_privilege('tidemark.jobs', 'total', 'update') then
    return new;
  end if;
  raise exception using errcode = 'PT409', message = format('a job that is %s cannot be made %s', old.state, new.state),
    hint = 'Use tidemark.cancel_job, pause_job or resume_job for an unfinished job, and retry_job for one with failures.';
end $$;

-- Resume and retry. What is queued has lost its message meanwhile, so it is planned again; the next sweep queues it.
create function tidemark.requeue_job() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  failures_with text := nullif(current_setting('tidemark.retry_code', true), '');
  retried integer := 0;
begin
  update tidemark.job_chunks set state = 'planned' where job_id = new.id and state = 'queued';
  if old.state <> 'paused' then
    -- Each chunk starts with minus the number of its items, since chunks before it have counted them as failed.
    with failures as (
      update tidemark.job_items set state = 'waiting', attempts = 0
      where job_id = new.id and state = 'failed' and (failures_with is null or code = failures_with)
      returning index, input
    ), numbered as (
      select index, input, (row_number() over (order by index) - 1) / 16 as n from failures
    ), chunks as (
      insert into tidemark.job_chunks (job_id, chunk, items, failed)
      select new.id, (select coalesce(max(chunk), -1) + 1 from tidemark.job_chunks where job_id = new.id) + n,
        jsonb_agg(jsonb_build_object('index', index, 'input', input, 'attempts', 0) order by index), -count(*)
      from numbered group by n returning failed
    )
    select coalesce(-sum(failed), 0) into retried from chunks;
    if old.total > 0 and retried = 0 then
      raise exception using errcode = 'PT409',
        message = case when failures_with is null then 'the job has no failed items'
          else format('the job has no failed items with the code %s', failures_with) end,
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
create trigger requeue_job before update on tidemark.jobs for each row
  when (new.state = 'queued' and old.state in ('paused', 'failed', 'partly_failed')) execute function tidemark.requeue_job();

-- With the caller's own rights: the grant and the policies of tidemark.jobs decide.
create function tidemark.change_job(job uuid, target text, sources text[], what text) returns tidemark.jobs
language plpgsql set search_path = '' as $$
declare
  answer tidemark.jobs;
begin
  update tidemark.jobs j set state = target where j.id = change_job.job and j.state = any(sources) returning j.* into answer;
  if found then
    return answer;
  end if;
  select j.* into answer from tidemark.jobs j where j.id = change_job.job;
  if not found then
    raise exception using errcode = 'PT404', message = format('there is no job %s that you may see', change_job.job),
      hint = 'List your jobs at /api/v1/jobs.';
  end if;
  if answer.state = any(sources) then
    raise exception using errcode = '42501', message = format('you may see the job %s, but not %s it', change_job.job, what),
      hint = 'Its owner may. An UPDATE policy on tidemark.jobs may let others.';
  end if;
  return answer;
end $$;

create or replace function tidemark.cancel_job(job uuid) returns tidemark.jobs language sql set search_path = '' as $$
  select tidemark.change_job(job, 'cancelled', array['queued', 'planning', 'running', 'paused'], 'cancel')
$$;
create function tidemark.pause_job(job uuid) returns tidemark.jobs language sql set search_path = '' as $$
  select tidemark.change_job(job, 'paused', array['queued', 'planning', 'running'], 'pause')
$$;
comment on function tidemark.pause_job(uuid) is 'nothing more of the job starts; what runs ends. A job that has ended is returned as it is';
create function tidemark.resume_job(job uuid) returns tidemark.jobs language sql set search_path = '' as $$
  select tidemark.change_job(job, 'queued', array['paused'], 'resume')
$$;
comment on function tidemark.resume_job(uuid) is 'a paused job goes on; any other is returned as it is';
create function tidemark.retry_job(job uuid, code text default null) returns tidemark.jobs
language plpgsql set search_path = '' as $$
declare
  answer tidemark.jobs;
begin
  perform set_config('tidemark.retry_code', coalesce(retry_job.code, ''), true);
  answer := tidemark.change_job(retry_job.job, 'queued', array['failed', 'partly_failed'], 'retry');
  perform set_config('tidemark.retry_code', '', true);
  return answer;
end $$;
comment on function tidemark.retry_job(uuid, text) is 'runs the failed items of an ended job again: all of them, or those with a code';

-- The same key with the same kind and spec is the same job, until that one fails or is cancelled.
create function tidemark.submit_job(
  kind text, spec jsonb, priority text default 'normal', run_at timestamptz default null, deadline timestamptz default null,
  idempotency_key text default null
) returns tidemark.jobs language plpgsql set search_path = '' as $$
#variable_conflict use_column
declare
  answer tidemark.jobs;
begin
  insert into tidemark.jobs (kind, spec, priority, run_at, deadline, idempotency_key)
    values (submit_job.kind, submit_job.spec, submit_job.priority, submit_job.run_at, submit_job.deadline, submit_job.idempotency_key)
    on conflict (role, coalesce(owner, ''), idempotency_key)
      where idempotency_key is not null and state not in ('failed', 'cancelled') do nothing
    returning * into answer;
  if found then
    return answer;
  end if;
  select j.* into answer from tidemark.jobs j
    where j.idempotency_key = submit_job.idempotency_key and j.state not in ('failed', 'cancelled')
      and j.role = current_setting('role')
      and j.owner is not distinct from nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
  if not found then
    raise exception using errcode = 'PT409', message = 'the job with this idempotency key has just ended',
      hint = 'Submit the job again.';
  end if;
  if answer.kind <> submit_job.kind or tidemark.job_spec(answer) <> submit_job.spec then
    raise exception using errcode = 'PT422', message = format('the idempotency key belongs to the job %s, which is another one', answer.id),
      hint = 'Use a new key for a new job.';
  end if;
  return answer;
end $$;
comment on function tidemark.submit_job(text, jsonb, text, timestamptz, timestamptz, text) is 'starts a job, or returns the one that was started with the same idempotency key';

revoke execute on function tidemark.requeue_job(), tidemark.change_job(uuid, text, text[], text), tidemark.pause_job(uuid),
  tidemark.resume_job(uuid), tidemark.retry_job(uuid, text), tidemark.job_spec(tidemark.jobs), tidemark.job_timing(tidemark.jobs),
  tidemark.submit_job(text, jsonb, text, timestamptz, timestamptz, text) from public;
grant execute on function tidemark.change_job(uuid, text, text[], text), tidemark.pause_job(uuid), tidemark.resume_job(uuid),
  tidemark.retry_job(uuid, text), tidemark.job_spec(tidemark.jobs),
  tidemark.submit_job(text, jsonb, text, timestamptz, timestamptz, text) to authenticated, service_role;
