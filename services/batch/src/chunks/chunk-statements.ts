import { ASYNCHRONOUS_COMMIT } from '../asynchronous-commit.ts';

export const chunkStatements = {
  /** Adds chunks after the existing ones. $1: job (locked), $2: JSON array of {items, delay_ms, losses, target}. */
  insert: 'select tidemark.add_chunks($1::uuid, $2::jsonb)',

  /** Counts items that failed before they could be planned. $1: job (locked), $2: items. */
  insertFailed: `
    insert into tidemark.job_chunks (job_id, chunk, items, state, failed, finished_at)
    select $1::uuid, coalesce((select max(chunk) from tidemark.job_chunks where job_id = $1::uuid), -1) + 1, '[]', 'done', $2::int,
      clock_timestamp()`,

  /** planned → queued, up to the window. $1: job (locked), $2: window. */
  openWindow: 'select * from tidemark.open_window($1::uuid, $2::int)',

  /** $1: job. */
  anyOpen: `
    select exists (
      select from tidemark.job_chunks where job_id = $1::uuid and state in ('planned', 'queued', 'running')) as open`,

  /**
   * queued → running, the chunk whose turn it is. $1: JSON array of {name, oldest, version} of the kinds that may start, $2: worker,
   * $3: lease in ms, $4: priorities in order, $5: used ms by tenant and job, $6: long chunks that run, $7: most of them, $8: running
   * chunks of jobs without a measured item, by tenant.
   */
  claim: `
    select c.job, c.chunk, c.attempt, c.items, c.losses, c.target, c.kind, c.spec, c.claims::text as claims, c.role, c.tenant,
      c.item_ms, c.may_role, j.owner, ${ASYNCHRONOUS_COMMIT}
    from tidemark.claim_chunk($1::jsonb, $2, $3::float8, $4::text[], $5::jsonb, $6::int, $7::int, $8::jsonb) as c
    join tidemark.jobs j on j.id = c.job`,

  anyQueued: `
    select exists (
      select from tidemark.job_chunks c join tidemark.jobs j on j.id = c.job_id where c.state = 'queued' and j.state = 'running'
    ) as queued`,

  /**
   * running → done, and what follows from it. $1: job, $2: chunk, $3: attempt, $4: worker, $5: done, $6: failed, $7 to $9: rows of
   * items (see itemRows), $10: chunks to add, or null, $11: measured ms of an item, or null, $12: window, $13: whether the job may end.
   */
  complete: `
    select priority, planned_all as "plannedAll", queued, is_over as "isOver", ended_with as "endedWith"
    from tidemark.complete_chunk($1::uuid, $2::int, $3::int, $4::text, $5::int, $6::int, $7::json, $8::int, $9::int, $10::jsonb,
      $11::float8, $12::int, $13::boolean)`,

  /** running → queued, the same attempt. $1: job, $2: chunk, $3: attempt, $4: worker. */
  handBack: `
    update tidemark.job_chunks set state = 'queued', worker = null, lease_until = null, queued_at = clock_timestamp()
    where job_id = $1::uuid and chunk = $2::int and attempt = $3::int and worker = $4::text and state = 'running'
    returning chunk`,

  /** running → planned. $1: job, $2: chunk, $3: attempt, $4: worker, $5: ms until it may run again. */
  fault: `
    update tidemark.job_chunks
    set state = 'planned', worker = null, lease_until = null,
      not_before = clock_timestamp() + $5::float8 * interval '1 ms'
    where job_id = $1::uuid and chunk = $2::int and attempt = $3::int and worker = $4::text and state = 'running'
    returning chunk`,

  /** Returns chunks with an expired lease. $1: limit, $2, $3, $4: lease, job and chunk of the last one of the page before, or null. */
  lost: `
    select job_id as job, chunk, attempt, lease_until::text as lease from tidemark.job_chunks
    where state = 'running' and lease_until < clock_timestamp()
      and ($2::text is null or (lease_until, job_id, chunk) > ($2::text::timestamptz, $3::uuid, $4::int))
    order by lease_until, job_id, chunk limit $1::int`,

  /**
   * running → split, queued or failed. $1: job (locked), $2: chunk, $3: attempt, $4: worker that gives it up, or null
   * for an expired lease, $5: maximum losses of an item.
   */
  lose: `
    update tidemark.job_chunks
    set losses = losses + 1, worker = null, lease_until = null, queued_at = clock_timestamp(),
      state = case when jsonb_array_length(items) > 1 then 'split' when losses + 1 < $5::int then 'queued' else 'failed' end,
      attempt = case when jsonb_array_length(items) <= 1 and losses + 1 < $5::int then attempt + 1 else attempt end,
      failed = case when jsonb_array_length(items) <= 1 and losses + 1 >= $5::int then failed + 1 else failed end,
      finished_at = case when jsonb_array_length(items) > 1 or losses + 1 >= $5::int then clock_timestamp() end
    where job_id = $1::uuid and chunk = $2::int and attempt = $3::int and state = 'running'
      and (worker = $4::text or ($4::text is null and lease_until < clock_timestamp()))
    returning state, attempt, losses, items, target`,

  /**
   * Returns queued chunks that may lack a message: as many as the rows of queued and running chunks exceed the messages.
   * $1: messages on the queue, $2: ms that a publication may take, $3: limit.
   */
  withoutMessage: `
    select c.job_id as job, c.chunk, c.attempt, j.priority
    from tidemark.job_chunks c join tidemark.jobs j on j.id = c.job_id
    where c.state = 'queued' and j.state = 'running' and c.queued_at < clock_timestamp() - $2::float8 * interval '1 ms'
    order by c.queued_at
    limit least($3::int, greatest(0, (
      select count(*) from tidemark.job_chunks r
      where r.state = 'running' or (r.state = 'queued' and r.queued_at < clock_timestamp() - $2::float8 * interval '1 ms')
    ) - $1::int))`,

  /** A page of the jobs with open chunks. The recursive part visits each once, by the index. $1: the last job of the page before, $2: limit. */
  jobsWithOpen: `
    with recursive open (job_id) as (
      (select job_id from tidemark.job_chunks
        where state in ('planned', 'queued', 'running') and ($1::uuid is null or job_id > $1::uuid) order by job_id limit 1)
      union all
      select (select c.job_id from tidemark.job_chunks c
        where c.state in ('planned', 'queued', 'running') and c.job_id > open.job_id order by c.job_id limit 1)
      from open where open.job_id is not null
    )
    select job_id as id from open where job_id is not null limit $2::int`,

  /** Open chunks of ended jobs → cancelled. $1: JSON array of jobs. */
  cancelEnded: `
    with cancelled as (
      update tidemark.job_chunks c set state = 'cancelled', lease_until = null, finished_at = clock_timestamp()
      from jsonb_array_elements_text($1::jsonb) as e join tidemark.jobs j on j.id = e.value::uuid
      where c.job_id = j.id and c.state in ('planned', 'queued', 'running')
        and j.state in ('cancelled', 'failed', 'partly_failed', 'succeeded')
      returning c.job_id
    )
    select job_id, count(*)::int as chunks from cancelled group by job_id`,
} as const;
