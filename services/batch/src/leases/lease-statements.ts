export const leaseStatements = {
  /** Renews leases, and returns the chunks that still belong to the worker. $1: worker, $2: lease in ms, $3: JSON array of {job, chunk, attempt}. */
  renew: `
    update tidemark.job_chunks c set lease_until = clock_timestamp() + $2::float8 * interval '1 ms'
    from jsonb_to_recordset($3::jsonb) as held (job uuid, chunk int, attempt int)
    where c.job_id = held.job and c.chunk = held.chunk and c.attempt = held.attempt
      and c.worker = $1::text and c.state = 'running'
    returning c.job_id as job, c.chunk, c.attempt`,

  /**
   * Returns the chunks whose results would be refused: they are not the worker's any more, or their job has ended or is past
   * its deadline. $1: worker, $2: JSON array of {job, chunk, attempt}.
   */
  lost: `
    select held.job, held.chunk, held.attempt
    from jsonb_to_recordset($2::jsonb) as held (job uuid, chunk int, attempt int)
    left join tidemark.job_chunks c on c.job_id = held.job and c.chunk = held.chunk and c.attempt = held.attempt
      and c.worker = $1::text and c.state = 'running'
    left join tidemark.jobs j on j.id = c.job_id and j.state in ('running', 'paused')
      and (j.deadline is null or j.deadline > clock_timestamp())
    where j.id is null`,
} as const;
