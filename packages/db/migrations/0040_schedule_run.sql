-- A schedule that is run by hand: an UPDATE policy decides who may, batch starts the job with the owner's rights.
alter table tidemark.job_schedules add column run_asked_at timestamptz;
grant update (run_asked_at) on tidemark.job_schedules to authenticated, service_role;

-- It waits as a time that found the job before it still open; batch starts what waits within a second.
create function tidemark.ask_schedule_run() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if new.paused then
    raise exception using errcode = 'PT409', message = format('the schedule %s is paused', new.name),
      hint = 'Resume it first: select tidemark.resume_schedule(<id>).';
  end if;
  if (select count(*) from tidemark.job_schedule_runs r where r.schedule_id = new.id and r.state = 'waiting') >= 100 then
    raise exception using errcode = 'PT429', message = format('100 times of the schedule %s wait already', new.name),
      hint = 'Wait for its jobs to end, or cancel some.';
  end if;
  insert into tidemark.job_schedule_runs (schedule_id, due_at, state) values (new.id, date_trunc('milliseconds', new.run_asked_at), 'waiting')
    on conflict do nothing;
  return null;
end $$;
create trigger ask_schedule_run after update of run_asked_at on tidemark.job_schedules for each row
  when (new.run_asked_at is not null and new.run_asked_at is distinct from old.run_asked_at)
  execute function tidemark.ask_schedule_run();

-- With the caller's own rights. Naming `paused` keeps the owner's claims of this moment.
create function tidemark.run_schedule(schedule uuid) returns tidemark.job_schedules language plpgsql set search_path = '' as $$
declare
  answer tidemark.job_schedules;
begin
  update tidemark.job_schedules s set run_asked_at = clock_timestamp(), paused = s.paused where s.id = run_schedule.schedule
    returning s.* into answer;
  if not found then
    perform tidemark.missing_schedule(schedule);
  end if;
  return answer;
end $$;
comment on function tidemark.run_schedule(uuid) is 'starts a job of a schedule now; while the one before is open, after it, unless its overlap is allow or replace';
revoke execute on function tidemark.ask_schedule_run(), tidemark.run_schedule(uuid) from public;
grant execute on function tidemark.run_schedule(uuid) to authenticated, service_role;
