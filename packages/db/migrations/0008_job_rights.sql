-- Jobs: with whose rights one runs, how much one identity may ask for, and who may cancel it.

-- The claims that a job runs under. A table of its own, granted to nobody: neither `select *` on jobs, nor a live subscription
-- to it, nor a message about a change of it can show them. A later kind of request data belongs here, too.
create table tidemark.job_requests (
  job_id uuid primary key references tidemark.jobs on delete cascade,
  claims jsonb not null
);
insert into tidemark.job_requests (job_id, claims) select id, claims from tidemark.jobs;
alter table tidemark.jobs drop column claims;

-- A SECURITY DEFINER function changes current_user, but not this: a job that such a function inserts runs as the function's
-- caller, not as its owner. Without SET ROLE it is 'none', which check_job refuses.
alter table tidemark.jobs alter column role set default current_setting('role');

-- What one identity (role and owner) may ask for. An operator changes a row, or adds one for a role of its own.
create table tidemark.job_limits (
  -- '*' counts for roles without a row.
  role text primary key,
  -- Bytes of one spec, as text. The relay sends a job's old and new row with each change.
  spec_bytes integer not null check (spec_bytes > 0),
  -- Jobs that are not finished yet.
  unfinished_jobs integer not null check (unfinished_jobs >= 0),
  -- Items of these that are planned and not done.
  unfinished_items integer not null check (unfinished_items >= 0)
);
comment on table tidemark.job_limits is 'most that one identity (role and owner) may ask of jobs; * is for roles without a row';
-- 10,000 ids of files take 400 KB.
insert into tidemark.job_limits (role, spec_bytes, unfinished_jobs, unfinished_items)
  values ('*', 524288, 100, 1000000), ('service_role', 524288, 10000, 100000000);
grant select on tidemark.job_limits to public;
create index jobs_unfinished_of on tidemark.jobs (coalesce(owner, ''), role) where state in ('queued', 'planning', 'running');

-- Before the row's policies, and whoever inserts it: API, trigger, function or psql. Inserts of one identity that run at the
-- same time do not see each other and may exceed its quota by their number, which the connections bound.
create function tidemark.check_job() returns trigger language plpgsql security definer set search_path = '' as $$
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
    where j.state in ('queued', 'planning', 'running') and coalesce(j.owner, '') = coalesce(new.owner, '') and j.role = new.role;
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
create trigger check_job before insert on tidemark.jobs for each row execute function tidemark.check_job();

create function tidemark.keep_job_request() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into tidemark.job_requests (job_id, claims)
    values (new.id, coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb);
  return null;
end $$;
create trigger keep_job_request after insert on tidemark.jobs for each row execute function tidemark.keep_job_request();

-- Priority high goes before everybody else's jobs, so it needs a right. Give it by this policy, for example to a plan:
--
--   alter policy jobs_high_priority on tidemark.jobs with check (priority <> 'high' or current_user = 'service_role'
--     or current_setting('request.jwt.claims', true)::json ->> 'plan' = 'business');
create policy jobs_high_priority on tidemark.jobs as restrictive for insert to public
  with check (priority <> 'high' or current_user = 'service_role');

-- Whose jobs a client may cancel is decided by UPDATE policies; to what it may change them, by check_job_change.
grant update (state) on tidemark.jobs to authenticated, service_role;
create policy jobs_change on tidemark.jobs for update to authenticated
  using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy jobs_change_all on tidemark.jobs for update to service_role using (true);

-- The runner may update every column, a client only the state: for a client, the one way is from unfinished to cancelled.
create function tidemark.check_job_change() returns trigger language plpgsql set search_path = '' as $$
begin
  if new.state <> 'cancelled' or old.state not in ('queued', 'planning', 'running') then
    if not has_column_privilege('tidemark.jobs', 'total', 'update') then
      raise exception using errcode = 'PT409', message = format('a job that is %s cannot be made %s', old.state, new.state),
        hint = 'An unfinished job can be cancelled: select tidemark.cancel_job(<id>).';
    end if;
  end if;
  return new;
end $$;
create trigger check_job_change before update on tidemark.jobs for each row
  when (old.state is distinct from new.state) execute function tidemark.check_job_change();

-- The last counts of a cancelled job, exactly: its chunks are completed under the lock that this update holds.
create function tidemark.close_cancelled_job() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.finished_at := clock_timestamp();
  select coalesce(sum(c.done), 0), coalesce(sum(c.failed), 0) into new.done, new.failed
    from tidemark.job_chunks c where c.job_id = new.id;
  return new;
end $$;
create trigger close_cancelled_job before update on tidemark.jobs for each row
  when (new.state = 'cancelled' and old.state <> 'cancelled') execute function tidemark.close_cancelled_job();
update tidemark.jobs set finished_at = clock_timestamp() where state = 'cancelled' and finished_at is null;

-- With the caller's own rights: the grant and the policies above decide. A job that has ended is returned as it is.
create function tidemark.cancel_job(job uuid) returns tidemark.jobs language plpgsql set search_path = '' as $$
declare
  answer tidemark.jobs;
begin
  update tidemark.jobs j set state = 'cancelled'
    where j.id = cancel_job.job and j.state in ('queued', 'planning', 'running') returning j.* into answer;
  if found then
    return answer;
  end if;
  select j.* into answer from tidemark.jobs j where j.id = cancel_job.job;
  if not found then
    raise exception using errcode = 'PT404', message = format('there is no job %s that you may see', cancel_job.job),
      hint = 'List your jobs at /api/v1/jobs.';
  end if;
  if answer.state in ('queued', 'planning', 'running') then
    raise exception using errcode = '42501', message = format('you may see the job %s, but not cancel it', cancel_job.job),
      hint = 'Its owner may. An UPDATE policy on tidemark.jobs may let others.';
  end if;
  return answer;
end $$;
comment on function tidemark.cancel_job(uuid) is 'cancels a job that the caller may update; one that has ended is returned as it is';
revoke execute on function tidemark.check_job(), tidemark.keep_job_request(), tidemark.check_job_change(),
  tidemark.close_cancelled_job(), tidemark.cancel_job(uuid) from public;
grant execute on function tidemark.cancel_job(uuid) to authenticated, service_role;

-- Operators see figures of jobs, not what they are about.
revoke select on tidemark.jobs from ops;
grant select (id, kind, priority, state, total, done, failed, created_at, started_at, finished_at) on tidemark.jobs to ops;
