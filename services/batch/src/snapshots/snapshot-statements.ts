export const snapshotStatements = {
  /** $1: job. */
  ofJob: `
    select worker, snapshot, restarts from tidemark.job_snapshots where job_id = $1::uuid order by seen_at desc`,

  /** $1: job, $2: worker, $3: snapshot, $4: restarts. */
  keep: `
    insert into tidemark.job_snapshots (job_id, worker, snapshot, restarts) values ($1::uuid, $2::text, $3::text, $4::int)
    on conflict (job_id, worker) do update set
      snapshot = excluded.snapshot, restarts = excluded.restarts, seen_at = clock_timestamp()`,

  /** $1: JSON array of {job, worker}. */
  forget: `
    delete from tidemark.job_snapshots s using jsonb_to_recordset($1::jsonb) as f (job uuid, worker text)
    where s.job_id = f.job and s.worker = f.worker`,

  /** Deletes the rows of ended jobs, also those of processes that have died. */
  forgetEnded: `
    delete from tidemark.job_snapshots s using tidemark.jobs j
    where j.id = s.job_id and j.state not in ('queued', 'planning', 'running', 'paused')`,

  /** $1: worker, $2: JSON array of jobs. */
  seen: `
    update tidemark.job_snapshots set seen_at = clock_timestamp()
    where worker = $1::text and job_id in (select value::uuid from jsonb_array_elements_text($2::jsonb))`,

  /** Returns snapshots of running jobs that one live process holds, another one than this. $1: worker, $2: limit. */
  alone: `
    select s.job_id as job, min(s.snapshot) as snapshot, min(s.restarts) as restarts
    from tidemark.job_snapshots s join tidemark.jobs j on j.id = s.job_id
    where j.state = 'running' and s.seen_at > clock_timestamp() - interval '5 seconds' group by s.job_id
    having count(*) = 1 and not bool_or(s.worker = $1::text) limit $2::int`,

  /** Returns those of the jobs that run. $1: JSON array of jobs. */
  running: `
    select id from tidemark.jobs
    where id in (select value::uuid from jsonb_array_elements_text($1::jsonb)) and state = 'running'`,
} as const;
