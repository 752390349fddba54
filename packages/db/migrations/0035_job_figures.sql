-- Which position a job reads, how long it waits, and its items that are not done yet.

alter table tidemark.jobs
  -- The inputs are read at or after this tidemark.
  add column at_least text check (at_least ~ '^[0-9a-z]{6,16}-[0-9A-F]{16}$'),
  -- The first page of inputs was read at this one, or after.
  add column tidemark text;
grant insert (at_least) on tidemark.jobs to authenticated, service_role;
grant select (at_least, tidemark) on tidemark.jobs to ops;

-- As before. A job that is not due yet, or was cancelled before it was due, has waited for nothing.
create or replace function tidemark.job_timing(job tidemark.jobs, out wait_seconds float8, out run_seconds float8, out rate float8, out eta timestamptz)
language sql stable set search_path = '' as $$
  select greatest(0, extract(epoch from
      coalesce(job.started_at, job.finished_at, clock_timestamp()) - greatest(job.created_at, job.run_at)))::float8,
    run, rate, case when job.state = 'running' and job.planned_all and rate > 0
      then clock_timestamp() + (job.total - job.done - job.failed) / rate * interval '1 s' end
  from (select extract(epoch from coalesce(job.finished_at, clock_timestamp()) - job.started_at)::float8 as run) as r,
    lateral (select (job.done + job.failed) / nullif(run, 0) as rate) as q
$$;

-- A tenant's jobs start in the order of priority and age, and tenants take turns. So before the nth job of a tenant, each other
-- one starts at most n. The caller learns a number of others' jobs, and nothing else of them.
create function tidemark.jobs_before(job uuid) returns bigint language plpgsql stable security definer set search_path = '' as $$
declare
  mine tidemark.jobs;
  own bigint;
begin
  select j.* into mine from tidemark.jobs j where j.id = jobs_before.job;
  if mine.state is distinct from 'queued' then
    return case when mine.state in ('planning', 'running', 'paused') then 0 end;
  end if;
  select count(*) into own from tidemark.jobs j
    where j.state = 'queued' and j.tenant = mine.tenant and (j.run_at is null or j.run_at <= greatest(mine.run_at, clock_timestamp()))
      and (case j.priority when 'high' then 0 when 'normal' then 1 else 2 end, j.created_at, j.id)
        <= (case mine.priority when 'high' then 0 when 'normal' then 1 else 2 end, mine.created_at, mine.id);
  return own + (
    select coalesce(sum(least(n, own)), 0) from (
      select count(*) as n from tidemark.jobs j
      where j.state = 'queued' and j.tenant <> mine.tenant and (j.run_at is null or j.run_at <= clock_timestamp())
        and case j.priority when 'high' then 0 when 'normal' then 1 else 2 end
          <= case mine.priority when 'high' then 0 when 'normal' then 1 else 2 end
      group by j.tenant
    ) as others);
end $$;
-- The function above counts as its owner; this one answers only who sees the job.
create function tidemark.queue_position(job uuid) returns bigint language sql stable set search_path = '' as $$
  select tidemark.jobs_before(j.id) from tidemark.jobs j where j.id = queue_position.job
$$;
comment on function tidemark.queue_position(uuid) is 'about how many jobs start up to this one, itself included; 0: it has started; null: it has ended';

-- Items that are not done yet are in their chunks, and nowhere else: a row for each of them would be written twice, and of a large
-- job most of it lies for a long time. Here they appear as if they had one.
alter table tidemark.job_chunks enable row level security;
-- The subquery runs under the policies of tidemark.jobs.
create policy job_chunks_of_job on tidemark.job_chunks for select to authenticated, service_role
  using (exists (select from tidemark.jobs j where j.id = job_id));
create policy job_chunks_batch on tidemark.job_chunks to tidemark_batch using (true) with check (true);
grant select (job_id, chunk, state, items) on tidemark.job_chunks to authenticated, service_role;

create function tidemark.items_of_job(job uuid, after integer default -1, most integer default 1000)
returns table (
  index integer, state text, attempts integer, input jsonb, value jsonb, files uuid[], code text, error jsonb, duration_ms float8,
  ended_at timestamptz
) language sql stable set search_path = '' as $$
  (select i.index, i.state, i.attempts, i.input, i.value, i.files, i.code, i.error, i.duration_ms, i.ended_at
    from tidemark.job_items i where i.job_id = items_of_job.job and i.index > items_of_job.after order by i.index limit most)
  union all
  (select (e ->> 'index')::int, case c.state when 'running' then 'running' else 'queued' end, (e ->> 'attempts')::int, e -> 'input',
      null, '{}', null, null, null, null
    from tidemark.job_chunks c, jsonb_array_elements(c.items) as e
    where c.job_id = items_of_job.job and c.state in ('planned', 'queued', 'running')
      and (c.items -> -1 ->> 'index')::int > items_of_job.after and (e ->> 'index')::int > items_of_job.after
      and not exists (select from tidemark.job_items i where i.job_id = c.job_id and i.index = (e ->> 'index')::int)
    order by 1 limit most)
  order by index limit most
$$;
comment on function tidemark.items_of_job(uuid, integer, integer) is 'items of a job by index, with those that are planned and not done; items of pages that were not read yet are missing';

drop function tidemark.submit_job(text, jsonb, text, timestamptz, timestamptz, text);
-- The same key with the same kind and spec is the same job, until that one fails or is cancelled.
create function tidemark.submit_job(
  kind text, spec jsonb, priority text default 'normal', run_at timestamptz default null, deadline timestamptz default null,
  idempotency_key text default null, at_least text default null
) returns tidemark.jobs language plpgsql set search_path = '' as $$
#variable_conflict use_column
declare
  answer tidemark.jobs;
begin
  insert into tidemark.jobs (kind, spec, priority, run_at, deadline, idempotency_key, at_least)
    values (submit_job.kind, submit_job.spec, submit_job.priority, submit_job.run_at, submit_job.deadline, submit_job.idempotency_key,
      submit_job.at_least)
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
comment on function tidemark.submit_job(text, jsonb, text, timestamptz, timestamptz, text, text) is 'starts a job, or returns the one that was started with the same idempotency key';

revoke execute on function tidemark.jobs_before(uuid), tidemark.queue_position(uuid),
  tidemark.items_of_job(uuid, integer, integer),
  tidemark.submit_job(text, jsonb, text, timestamptz, timestamptz, text, text) from public;
grant execute on function tidemark.jobs_before(uuid), tidemark.queue_position(uuid),
  tidemark.items_of_job(uuid, integer, integer),
  tidemark.submit_job(text, jsonb, text, timestamptz, timestamptz, text, text) to authenticated, service_role;
