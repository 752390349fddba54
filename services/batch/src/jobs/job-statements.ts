/** Statements on tidemark.jobs. The previous state guards each transition (see job-state.ts). */

export const jobStatements = {
  /**
   * queued → planning. $1: most jobs planned or running, $2: JSON array of the kinds that run here. The most urgent, then the
   * oldest; one planner wins. A kind that no instance ever registered is claimed too, for the planner to refuse.
   */
  claim: `
    update tidemark.jobs set state = 'planning', started_at = clock_timestamp(), waits_for = null
    where state = 'queued'
      and id = (
        select id from tidemark.jobs where state = 'queued'
          and (kind in (select jsonb_array_elements_text($2::jsonb)) or kind not in (select name from tidemark.job_kinds))
        order by array_position(array['high', 'normal', 'low'], priority), created_at
        limit 1 for update skip locked)
      and (select count(*) from tidemark.jobs where state in ('planning', 'running')) < $1::int
    returning id, kind, spec, role,
      (select claims from tidemark.job_requests r where r.job_id = tidemark.jobs.id) as claims`,

  /**
   * Marks unfinished jobs whose kind runs on no instance, and unmarks them when one runs it again. $1: ms without a heartbeat of
   * the kind, $2: limit.
   */
  sayKindsAway: `
    update tidemark.jobs j set waits_for = case when w.is_away then 'an instance that runs the kind ' || j.kind end
    from (
      select u.id, k.seen_at < clock_timestamp() - $1::float8 * interval '1 ms' as is_away
      from tidemark.jobs u join tidemark.job_kinds k on k.name = u.kind
      where u.state in ('queued', 'running')
        and (k.seen_at < clock_timestamp() - $1::float8 * interval '1 ms') <> (u.waits_for is not null)
      order by u.id limit $2::int for update of u skip locked
    ) as w
    where j.id = w.id
    returning j.id, j.kind, w.is_away`,

  /** planning → queued, when the planner has ended. $1: ms, $2: limit. */
  replan: `
    update tidemark.jobs set state = 'queued', started_at = null
    where state = 'planning' and id in (
      select id from tidemark.jobs
      where state = 'planning' and (started_at is null or started_at < clock_timestamp() - $1::float8 * interval '1 ms')
      limit $2::int for update skip locked)
    returning id`,

  /** Returns the number of open items in running jobs of the identity, and the limit; no row without a limit. $1: job. */
  itemsQuota: `
    select l.unfinished_items as most,
      (select coalesce(sum(greatest(0, o.total - o.done - o.failed)), 0)::float8 from tidemark.jobs o
       where o.state in ('queued', 'planning', 'running')
         and coalesce(o.owner, '') = coalesce(j.owner, '') and o.role = j.role) as unfinished
    from tidemark.jobs j, lateral (
      select unfinished_items from tidemark.job_limits where role in (j.role, '*') order by role = '*' limit 1) as l
    where j.id = $1::uuid`,

  /** planning → running. $1: job, $2: items. */
  planned: `
    update tidemark.jobs set state = 'running', total = $2::int where id = $1::uuid and state = 'planning' returning id`,

  /** planning → failed. $1: job, $2: error. */
  refuse: `
    update tidemark.jobs set state = 'failed', error = $2::jsonb, finished_at = clock_timestamp()
    where id = $1::uuid and state = 'planning' returning id`,

  /**
   * Serialises decisions about a job: its window, its end, and a cancellation. No key is updated, so that the foreign keys of its
   * chunks do not wait.
   */
  lockRunning: `
    select priority, owner from tidemark.jobs where id = $1::uuid and state = 'running' for no key update`,

  /** Returns the sums of a job's chunks when none is open. $1: job. */
  sums: `
    select coalesce(sum(done), 0)::int as done, coalesce(sum(failed), 0)::int as failed
    from tidemark.job_chunks where job_id = $1::uuid`,

  /** running → succeeded or failed. $1: job, $2: state, $3: done, $4: failed, $5: error. */
  finish: `
    update tidemark.jobs
    set state = $2::text, done = $3::int, failed = $4::int, error = $5::jsonb, finished_at = clock_timestamp()
    where id = $1::uuid and state = 'running' returning id`,

  /**
   * Updates the counts of running jobs from their chunks. $1: JSON array of jobs. Counts only grow: an update that waited for
   * another instance's compares with the row that the other wrote.
   */
  progress: `
    update tidemark.jobs j set done = s.done, failed = s.failed
    from (
      select job_id, sum(done)::int as done, sum(failed)::int as failed from tidemark.job_chunks
      where job_id in (select value::uuid from jsonb_array_elements_text($1::jsonb)) group by job_id) as s
    where j.id = s.job_id and j.state = 'running' and s.done + s.failed > j.done + j.failed`,

  /**
   * Returns running jobs without queued chunks that need a decision (the window was never opened, or the end never written), and
   * jobs with due retries. $1: limit.
   */
  toAdvance: `
    (select id from tidemark.jobs j
    where state = 'running'
      and not exists (
        select from tidemark.job_chunks c where c.job_id = j.id and c.state in ('queued', 'running'))
      and not exists (
        select from tidemark.job_chunks c where c.job_id = j.id and c.state = 'planned' and c.not_before > clock_timestamp())
    limit $1::int)
    union
    (select job_id from tidemark.job_chunks where state = 'planned' and not_before <= clock_timestamp()
    order by not_before limit $1::int)`,
} as const;
