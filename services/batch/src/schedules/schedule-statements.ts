export const scheduleStatements = {
  /** $1: limit. */
  unread: `
    select id, pattern, time_zone, clock_timestamp() as now from tidemark.job_schedules
    where not paused and next_at is null and error is null order by id limit $1::int`,

  /** $1: schedule, $2: pattern, $3: time zone, which were read, $4: the next time, $5: error. */
  keepNext: `
    update tidemark.job_schedules set next_at = $4::timestamptz, error = $5::jsonb
    where id = $1::uuid and pattern = $2::text and time_zone = $3::text and not paused`,

  /** Locks the schedule that is due longest; another instance takes the next one. $1, $2: time and id of the one before, or null. */
  takeDue: `
    select s.*, c.claims::text as claims, clock_timestamp() as now, s.next_at::text as key
    from tidemark.job_schedules s left join tidemark.job_schedule_claims c on c.schedule_id = s.id
    where not s.paused and s.next_at <= clock_timestamp()
      and ($1::text is null or (s.next_at, s.id) > ($1::text::timestamptz, $2::uuid))
    order by s.next_at, s.id limit 1 for update of s skip locked`,

  /** Locks a schedule one of whose times waits for a job that has ended. $1, $2: as above, of the time that waits. */
  takeWaiting: `
    select s.*, c.claims::text as claims, clock_timestamp() as now, w.due_at, w.due_at::text as key
    from tidemark.job_schedules s left join tidemark.job_schedule_claims c on c.schedule_id = s.id,
      lateral (select min(r.due_at) as due_at from tidemark.job_schedule_runs r where r.schedule_id = s.id and r.state = 'waiting') as w
    where not s.paused and w.due_at is not null and ($1::text is null or (w.due_at, s.id) > ($1::text::timestamptz, $2::uuid))
      and s.id in (select schedule_id from tidemark.job_schedule_runs where state = 'waiting')
      and (s.overlap in ('allow', 'replace') or not exists (
        select from tidemark.job_schedule_runs r join tidemark.jobs j on j.id = r.job_id
        where r.schedule_id = s.id and r.state = 'started' and j.state in ('queued', 'planning', 'running', 'paused')))
    order by w.due_at, s.id limit 1 for update of s skip locked`,

  /** Marks runs whose jobs have ended, and returns the jobs that have not, and the number of runs that wait. $1: schedule. */
  open: `
    with ended as (
      update tidemark.job_schedule_runs r set state = 'ended'
      where schedule_id = $1::uuid and state = 'started' and not exists (
        select from tidemark.jobs j where j.id = r.job_id and j.state in ('queued', 'planning', 'running', 'paused'))
    )
    select coalesce(jsonb_agg(r.job_id) filter (where r.state = 'started' and j.id is not null), '[]') as jobs,
      count(*) filter (where r.state = 'waiting')::int as waiting
    from tidemark.job_schedule_runs r
    left join tidemark.jobs j on j.id = r.job_id and j.state in ('queued', 'planning', 'running', 'paused')
    where r.schedule_id = $1::uuid and r.state in ('started', 'waiting')`,

  /** Returns no row when the time has been decided before. $1: schedule, $2: time, $3: state. */
  decide: `
    insert into tidemark.job_schedule_runs (schedule_id, due_at, state) values ($1::uuid, $2::timestamptz, $3::text)
    on conflict (schedule_id, due_at) do update set state = excluded.state, decided_at = clock_timestamp()
      where job_schedule_runs.state = 'waiting' and excluded.state = 'started'
    returning state`,

  /** $1: schedule, $2: time, $3: state, $4: job, $5: error. */
  result: `
    update tidemark.job_schedule_runs set state = $3::text, job_id = $4::uuid, error = $5::jsonb
    where schedule_id = $1::uuid and due_at = $2::timestamptz`,

  /** Runs as the owner. $1: kind, $2: spec, $3: priority. */
  start: 'insert into tidemark.jobs (kind, spec, priority) values ($1::text, $2::jsonb, $3::text) returning id',

  /** Runs as the owner. $1: JSON array of jobs. */
  cancel: `
    select tidemark.cancel_job(value::uuid) is not null as cancelled from jsonb_array_elements_text($1::jsonb)`,
} as const;
