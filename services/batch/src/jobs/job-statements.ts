export const jobStatements = {
  /**
   * queued → planning. $1: most jobs planned or running, $2: JSON array of the kinds that run here. A kind that no
   * instance ever registered is claimed too, for the planner to refuse.
   */
  claim: `
    update tidemark.jobs j set state = 'planning', started_at = clock_timestamp(), waits_for = null
    from tidemark.job_requests r
    where j.state = 'queued' and r.job_id = j.id
      and j.id = (
        select id from tidemark.jobs where state = 'queued' and (run_at is null or run_at <= clock_timestamp())
          and (kind in (select jsonb_array_elements_text($2::jsonb)) or kind not in (select name from tidemark.job_kinds))
        order by array_position(array['high', 'normal', 'low'], priority), created_at
        limit 1 for update skip locked)
      and (select count(*) from tidemark.jobs where state in ('planning', 'running')) < $1::int
    returning j.id, j.kind, j.role, j.total, r.spec, r.claims, r.cursor`,

  /**
   * Takes the reading of the next page of a running job's source. $1: job, or null for any, $2: JSON array of the kinds that
   * run here, $3: planned chunks from which on no page is needed, $4: ms that the page may take.
   */
  claimPage: `
    update tidemark.job_requests r set page_lease = clock_timestamp() + $4::float8 * interval '1 ms'
    from tidemark.jobs j
    where j.id = r.job_id and r.job_id = (
      select u.id from tidemark.jobs u join tidemark.job_requests q on q.job_id = u.id
      where u.state = 'running' and not u.planned_all and ($1::uuid is null or u.id = $1::uuid)
        and u.kind in (select jsonb_array_elements_text($2::jsonb))
        and (q.page_lease is null or q.page_lease < clock_timestamp())
        and (select count(*) from tidemark.job_chunks c
          where c.job_id = u.id and c.state = 'planned' and c.not_before is null) < $3::int
      limit 1 for update of q skip locked)
    returning j.id, j.kind, j.role, j.total, r.spec, r.claims, r.cursor`,

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
       where o.state in ('queued', 'planning', 'running', 'paused')
         and coalesce(o.owner, '') = coalesce(j.owner, '') and o.role = j.role) as unfinished
    from tidemark.jobs j, lateral (
      select unfinished_items from tidemark.job_limits where role in (j.role, '*') order by role = '*' limit 1) as l
    where j.id = $1::uuid`,

  /** Keeps where the source goes on, unless another has read this page. $1: job, $2: next cursor, $3: cursor of this page. */
  keepCursor: `
    update tidemark.job_requests set cursor = $2::text, page_lease = null
    where job_id = $1::uuid and cursor is not distinct from $3::text returning job_id`,

  /** planning → running with the first page, or one page more. $1: job, $2: items, $3: whether the page is the last. */
  planned: `
    update tidemark.jobs set total = total + $2::int, planned_all = $3::boolean,
      state = case state when 'planning' then 'running' else state end
    where id = $1::uuid and (state = 'planning' or (state in ('running', 'paused') and not planned_all)) returning id`,

  /**
   * Ends a job that cannot go on: failed, or partly_failed where some items are done. $1: JSON array of jobs, $2: error,
   * $3: states that it may have.
   */
  refuse: `
    update tidemark.jobs j set done = s.done, failed = s.failed, error = $2::jsonb, finished_at = clock_timestamp(),
      state = case when s.done > 0 then 'partly_failed' else 'failed' end
    from (
      select e.value::uuid as id, coalesce(sum(c.done), 0)::int as done, coalesce(sum(c.failed), 0)::int as failed
      from jsonb_array_elements_text($1::jsonb) as e left join tidemark.job_chunks c on c.job_id = e.value::uuid
      group by e.value
    ) as s
    where j.id = s.id and j.state in (select jsonb_array_elements_text($3::jsonb)) returning j.id, j.state, j.done, j.failed`,

  overdue: `
    select id from tidemark.jobs
    where state in ('queued', 'planning', 'running', 'paused') and deadline < clock_timestamp()
    order by deadline limit $1::int`,

  /** Serialises decisions about a job. No key is updated, so that the foreign keys of its chunks do not wait. */
  lockRunning: `
    select state, priority, owner, kind, role, planned_all as "plannedAll" from tidemark.jobs
    where id = $1::uuid and state in ('running', 'paused') for no key update`,

  /** Reads the spec and the claims for `finish` of the kind. $1: job. */
  request: 'select spec, claims from tidemark.job_requests where job_id = $1::uuid',

  /** Returns the sums of a job's chunks when none is open. $1: job. */
  sums: `
    select coalesce(sum(done), 0)::int as done, coalesce(sum(failed), 0)::int as failed
    from tidemark.job_chunks where job_id = $1::uuid`,

  /** running → its end. $1: job, $2: state, $3: done, $4: failed, $5: error. */
  finish: `
    update tidemark.jobs
    set state = $2::text, done = $3::int, failed = $4::int, error = $5::jsonb, finished_at = clock_timestamp()
    where id = $1::uuid and state in ('running', 'paused') returning id`,

  /** Counts only grow: an update that waited for another instance's compares with its row. $1: JSON array of jobs. */
  progress: `
    update tidemark.jobs j set done = s.done, failed = s.failed
    from (
      select job_id, sum(done)::int as done, sum(failed)::int as failed from tidemark.job_chunks
      where job_id in (select value::uuid from jsonb_array_elements_text($1::jsonb)) group by job_id) as s
    where j.id = s.job_id and j.state in ('running', 'paused') and s.done + s.failed > j.done + j.failed`,

  /** Such jobs need a decision: they have no queued chunks, or due retries. $1: limit, $2: the last job of the page before, or null. */
  toAdvance: `
    select id from tidemark.jobs j
    where state = 'running' and ($2::uuid is null or id > $2::uuid) and (
      (not exists (select from tidemark.job_chunks c where c.job_id = j.id and c.state in ('queued', 'running'))
        and not exists (
          select from tidemark.job_chunks c where c.job_id = j.id and c.state = 'planned' and c.not_before > clock_timestamp()))
      or id in (select job_id from tidemark.job_chunks where state = 'planned' and not_before <= clock_timestamp()))
    order by id limit $1::int`,
} as const;
