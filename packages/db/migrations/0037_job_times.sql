-- The run time of a job leaves out pauses, and the time between its end and a retry.
alter table tidemark.jobs
  -- When its pause began; null: it is not paused.
  add column paused_at timestamptz,
  -- A job that was paused before its start could start again from here.
  add column resumed_at timestamptz,
  -- Since its start: paused, or ended and not yet retried.
  add column idle_seconds double precision not null default 0;
update tidemark.jobs set paused_at = clock_timestamp() where state = 'paused';

-- It fires after requeue_job, whose state is the final one: triggers fire in the order of their names.
create function tidemark.time_job() returns trigger language plpgsql set search_path = '' as $$
declare
  idle_since timestamptz := coalesce(old.paused_at, old.finished_at);
begin
  new.paused_at := case when new.state = 'paused' then clock_timestamp() end;
  if new.state = 'queued' then
    new.started_at := null;
    new.resumed_at := case when idle_since is null then old.resumed_at else clock_timestamp() end;
    new.idle_seconds := 0;
  elsif idle_since is not null and old.started_at is not null then
    new.idle_seconds := old.idle_seconds + extract(epoch from clock_timestamp() - idle_since);
  end if;
  return new;
end $$;
revoke execute on function tidemark.time_job() from public;
create trigger time_job before update on tidemark.jobs for each row
  when (old.state is distinct from new.state) execute function tidemark.time_job();

-- As before, without the time in which it was idle.
create or replace function tidemark.job_timing(job tidemark.jobs, out wait_seconds float8, out run_seconds float8, out rate float8, out eta timestamptz)
language sql stable set search_path = '' as $$
  select greatest(0, extract(epoch from coalesce(job.started_at, job.paused_at, job.finished_at, clock_timestamp())
      - greatest(job.created_at, job.run_at, job.resumed_at)))::float8,
    run, rate, case when job.state = 'running' and job.planned_all and rate > 0
      then clock_timestamp() + (job.total - job.done - job.failed) / rate * interval '1 s' end
  from (select case when job.started_at is not null then greatest(0, extract(epoch from
      coalesce(job.paused_at, job.finished_at, clock_timestamp()) - job.started_at) - job.idle_seconds)::float8 end as run) as r,
    lateral (select (job.done + job.failed) / nullif(run, 0) as rate) as q
$$;

-- For sweeps, which page by key: rows that cannot go on keep no others.
create index jobs_queued_ids on tidemark.jobs (id) where state = 'queued';
