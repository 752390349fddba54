/** Rows of schedules' runs that one statement deletes. */
export const RUNS = 50;

export const PARTS = ['files', 'job_items', 'job_chunks'] as const;

export const retentionStatements = {
  /** A page of jobs. $1: days since their end, $2, $3: end and id of the last one of the page before, or null, $4: limit. */
  expired: `
    select id, finished_at::text as finished from tidemark.jobs
    where finished_at < clock_timestamp() - $1::float8 * interval '1 day'
      and ($2::text is null or (finished_at, id) > ($2::text::timestamptz, $3::uuid))
    order by finished_at, id limit $4::int`,

  /** Some of the rows; `more`: some may be left. $1: part, $2: job. The bytes of outputs become orphans, which the gateway sweeps. */
  rows: 'select tidemark.delete_job_rows($1::text, $2::uuid) as more',

  /** A job that was retried meanwhile stays, without the items that are deleted already. $1: job. */
  job: 'delete from tidemark.jobs where id = $1::uuid and finished_at is not null returning 1',

  /**
   * A page of the jobs that have outputs, each found once by the index; `isGone`: somebody deleted the job. $1: the last job of the page
   * before, or null, $2: limit.
   */
  jobsWithOutputs: `
    with recursive jobs (id) as (
      (select job_id from tidemark.files where job_id is not null and ($1::uuid is null or job_id > $1::uuid) order by job_id limit 1)
      union all
      select (select f.job_id from tidemark.files f where f.job_id > jobs.id order by f.job_id limit 1) from jobs where jobs.id is not null
    )
    select p.id, not exists (select from tidemark.jobs j where j.id = p.id) as "isGone"
    from (select id from jobs where id is not null limit $2::int) as p`,

  /** Some outputs of a job that somebody deleted. $1: job, $2: days. */
  orphans: `
    select tidemark.delete_job_rows('files', $1::uuid, clock_timestamp() - $2::float8 * interval '1 day') as more`,

  /** $1: days since the decision. */
  runs: `
    delete from tidemark.job_schedule_runs where (schedule_id, due_at) in (
      select schedule_id, due_at from tidemark.job_schedule_runs
      where decided_at < clock_timestamp() - $1::float8 * interval '1 day' and state not in ('started', 'waiting')
      order by decided_at limit ${RUNS}) returning 1`,
} as const;
