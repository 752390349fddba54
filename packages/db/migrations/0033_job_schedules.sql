-- Schedules: jobs that start again and again, by a pattern in a time zone. Batch reads the patterns, and inserts each job as the
-- schedule's owner: policies, limits and rights of that moment decide.
create table tidemark.job_schedules (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 200),
  -- Five fields of cron, or six with seconds first.
  pattern text not null check (length(pattern) between 1 and 200),
  time_zone text not null default 'UTC' check (length(time_zone) between 1 and 64),
  kind text not null check (length(kind) between 1 and 64),
  spec jsonb not null,
  priority text not null default 'normal' check (priority in ('high', 'normal', 'low')),
  -- What becomes of times at which no instance ran: one job for the last of them, a job for each (at most 100), or none.
  missed text not null default 'once' check (missed in ('skip', 'once', 'all')),
  -- When the job before has not ended: no job, a job after it (at most 100 wait), a job beside it, or one in its place.
  overlap text not null default 'skip' check (overlap in ('skip', 'queue', 'allow', 'replace')),
  paused boolean not null default false,
  role text not null default current_setting('role'),
  owner text default (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'),
  -- Null: batch has not read the pattern yet, or it does not fire again.
  next_at timestamptz,
  -- Why it does not fire: the pattern or time zone cannot be used.
  error jsonb,
  created_at timestamptz not null default clock_timestamp()
);
comment on table tidemark.job_schedules is 'jobs that start by a pattern, with the rights of the schedule''s owner at that moment';
create unique index job_schedules_name on tidemark.job_schedules (role, coalesce(owner, ''), name);
create index job_schedules_due on tidemark.job_schedules (next_at, id) where not paused and next_at is not null;
create index job_schedules_unread on tidemark.job_schedules (id) where not paused and next_at is null and error is null;

-- Granted to no API role, as those of jobs.
create table tidemark.job_schedule_claims (
  schedule_id uuid primary key references tidemark.job_schedules on delete cascade,
  claims jsonb not null
);

-- What became of each time. The key makes a second start of the same time impossible.
create table tidemark.job_schedule_runs (
  schedule_id uuid not null references tidemark.job_schedules on delete cascade,
  due_at timestamptz not null,
  state text not null check (state in ('started', 'ended', 'waiting', 'skipped', 'missed', 'refused')),
  job_id uuid,
  -- Why no job could start.
  error jsonb,
  decided_at timestamptz not null default clock_timestamp(),
  primary key (schedule_id, due_at)
);
comment on table tidemark.job_schedule_runs is 'what became of each time of a schedule: the job that started, or why none did';
create index job_schedule_runs_open on tidemark.job_schedule_runs (schedule_id, due_at) where state in ('started', 'waiting');
create index job_schedule_runs_decided on tidemark.job_schedule_runs (decided_at);

alter table tidemark.job_limits add column schedules integer not null default 100 check (schedules >= 0);
update tidemark.job_limits set schedules = 10000 where role = 'service_role';

-- Inserts of one identity that run at the same time do not see each other and may exceed its limit by their number.
create function tidemark.check_job_schedule() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  session_role text := current_setting('role');
  subject text := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
  most tidemark.job_limits;
  schedules bigint;
begin
  if new.role = 'none' then
    raise exception using errcode = '22023', message = 'the schedule names no role to run as',
      hint = 'Name it: insert into tidemark.job_schedules (…, role) values (…, ''service_role''); or SET ROLE first.';
  end if;
  if session_role <> 'none' and (new.role <> session_role or new.owner is distinct from subject) then
    raise exception using errcode = '42501',
      message = format('the schedule would run as the role "%s" for %s, but "%s" inserts it for %s', new.role,
        coalesce(quote_literal(new.owner), 'nobody'), session_role, coalesce(quote_literal(subject), 'nobody')),
      hint = 'Leave role and owner out: a schedule runs with the rights of the identity that inserts it.';
  end if;
  select * into most from tidemark.job_limits l where l.role in (new.role, '*') order by l.role = '*' limit 1;
  if not found then
    return new; -- an operator deleted the limits
  end if;
  if octet_length(new.spec::text) > most.spec_bytes then
    raise exception using errcode = 'PT413',
      message = format('the spec has %s bytes, %s are allowed', octet_length(new.spec::text), most.spec_bytes),
      hint = 'Name the input files by a prefix. The limit is spec_bytes in tidemark.job_limits.';
  end if;
  select count(*) into schedules from tidemark.job_schedules s
    where s.role = new.role and coalesce(s.owner, '') = coalesce(new.owner, '');
  if schedules >= most.schedules then
    raise exception using errcode = 'PT429', message = format('you have %s schedules, %s are allowed', schedules, most.schedules),
      hint = 'Delete one. The limit is schedules in tidemark.job_limits.';
  end if;
  return new;
end $$;
create trigger check_job_schedule before insert on tidemark.job_schedules for each row execute function tidemark.check_job_schedule();

-- Each change by the owner brings its claims of that moment, so that the claims are never older than what they allow.
create function tidemark.keep_schedule_claims() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  claims jsonb := coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}');
begin
  if tg_op = 'INSERT' or (current_setting('role') = new.role and claims ->> 'sub' is not distinct from new.owner) then
    insert into tidemark.job_schedule_claims (schedule_id, claims) values (new.id, claims)
      on conflict (schedule_id) do update set claims = excluded.claims;
  end if;
  return null;
end $$;
create trigger keep_schedule_claims after insert or update of pattern, time_zone, kind, spec, priority, missed, overlap, paused
  on tidemark.job_schedules for each row execute function tidemark.keep_schedule_claims();

-- A changed pattern is read again, and the time during a pause counts as none that was missed.
create function tidemark.reread_schedule() returns trigger language plpgsql set search_path = '' as $$
begin
  new.next_at := null;
  new.error := null;
  return new;
end $$;
create trigger reread_schedule before update on tidemark.job_schedules for each row
  when ((old.pattern, old.time_zone, old.paused) is distinct from (new.pattern, new.time_zone, new.paused))
  execute function tidemark.reread_schedule();

alter table tidemark.job_schedules enable row level security;
alter table tidemark.job_schedule_claims enable row level security;
alter table tidemark.job_schedule_runs enable row level security;
grant select, delete, insert (id, name, pattern, time_zone, kind, spec, priority, missed, overlap, paused),
  update (name, pattern, time_zone, kind, spec, priority, missed, overlap, paused)
  on tidemark.job_schedules to authenticated, service_role;
grant select (id, name, pattern, time_zone, kind, priority, paused, next_at, created_at) on tidemark.job_schedules to ops;
grant select on tidemark.job_schedule_runs to authenticated, service_role;
-- A schedule runs as its role, so that its owner changes it under that role alone.
create policy job_schedules_own on tidemark.job_schedules to authenticated
  using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub') and role = current_user)
  with check (true);
create policy job_schedules_all on tidemark.job_schedules to service_role using (true) with check (true);
create policy job_schedules_figures on tidemark.job_schedules for select to ops using (true);
-- The subquery runs under the policies of tidemark.job_schedules.
create policy job_schedule_runs_of_schedule on tidemark.job_schedule_runs for select to authenticated, service_role
  using (exists (select from tidemark.job_schedules s where s.id = schedule_id));
create policy job_schedules_batch on tidemark.job_schedules to tidemark_batch using (true) with check (true);
create policy job_schedule_claims_batch on tidemark.job_schedule_claims for select to tidemark_batch using (true);
create policy job_schedule_runs_batch on tidemark.job_schedule_runs to tidemark_batch using (true) with check (true);
grant select, update on tidemark.job_schedules to tidemark_batch;
grant select on tidemark.job_schedule_claims to tidemark_batch;
grant select, insert, update, delete on tidemark.job_schedule_runs to tidemark_batch;

-- With the caller's own rights: the grants and policies above decide.
create function tidemark.create_schedule(
  name text, pattern text, kind text, spec jsonb, time_zone text default 'UTC', priority text default 'normal',
  missed text default 'once', overlap text default 'skip'
) returns tidemark.job_schedules language sql set search_path = '' as $$
  insert into tidemark.job_schedules (name, pattern, kind, spec, time_zone, priority, missed, overlap)
    values (create_schedule.name, create_schedule.pattern, create_schedule.kind, create_schedule.spec, create_schedule.time_zone,
      create_schedule.priority, create_schedule.missed, create_schedule.overlap)
    returning *
$$;
comment on function tidemark.create_schedule(text, text, text, jsonb, text, text, text, text) is
  'jobs of a kind that start by a cron pattern in a time zone, with the caller''s rights at that moment';

create function tidemark.missing_schedule(schedule uuid) returns void language plpgsql set search_path = '' as $$
begin
  raise exception using errcode = 'PT404', message = format('there is no schedule %s that you may change', schedule),
    hint = 'List your schedules at /api/v1/schedules.';
end $$;
create function tidemark.pause_schedule(schedule uuid, paused boolean default true) returns tidemark.job_schedules
language plpgsql set search_path = '' as $$
declare
  answer tidemark.job_schedules;
begin
  update tidemark.job_schedules s set paused = pause_schedule.paused where s.id = pause_schedule.schedule returning s.* into answer;
  if not found then
    perform tidemark.missing_schedule(schedule);
  end if;
  return answer;
end $$;
comment on function tidemark.pause_schedule(uuid, boolean) is 'a paused schedule starts nothing; the times of a pause are not made up for';
create function tidemark.resume_schedule(schedule uuid) returns tidemark.job_schedules language sql set search_path = '' as $$
  select tidemark.pause_schedule(schedule, false)
$$;
create function tidemark.delete_schedule(schedule uuid) returns tidemark.job_schedules language plpgsql set search_path = '' as $$
declare
  answer tidemark.job_schedules;
begin
  delete from tidemark.job_schedules s where s.id = delete_schedule.schedule returning s.* into answer;
  if not found then
    perform tidemark.missing_schedule(schedule);
  end if;
  return answer;
end $$;
comment on function tidemark.delete_schedule(uuid) is 'deletes a schedule; jobs that it has started go on';
revoke execute on function tidemark.check_job_schedule(), tidemark.keep_schedule_claims(), tidemark.reread_schedule(),
  tidemark.missing_schedule(uuid), tidemark.create_schedule(text, text, text, jsonb, text, text, text, text),
  tidemark.pause_schedule(uuid, boolean), tidemark.resume_schedule(uuid), tidemark.delete_schedule(uuid) from public;
grant execute on function tidemark.missing_schedule(uuid), tidemark.create_schedule(text, text, text, jsonb, text, text, text, text),
  tidemark.pause_schedule(uuid, boolean), tidemark.resume_schedule(uuid), tidemark.delete_schedule(uuid)
  to authenticated, service_role;
