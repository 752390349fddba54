export const itemStatements = {
  /** $1: job, $2: JSON array of rows (see ItemRow); a row of an earlier attempt is replaced. */
  write: `
    insert into tidemark.job_items (job_id, index, state, attempts, input, value, files, code, error, duration_ms, dead_letter)
    select $1::uuid, index, state, attempts, input, value::jsonb, coalesce(files, '{}'), code, error, duration_ms, coalesce(dead_letter, false)
    from jsonb_to_recordset($2::jsonb) as r (
      index int, state text, attempts int, input jsonb, value text, files uuid[], code text, error jsonb, duration_ms float8,
      dead_letter boolean)
    on conflict (job_id, index) do update set
      state = excluded.state, attempts = excluded.attempts, value = excluded.value, files = excluded.files,
      code = excluded.code, error = excluded.error, duration_ms = excluded.duration_ms, dead_letter = excluded.dead_letter, ended_at = clock_timestamp()`,

  firstFailures: `
    select coalesce(jsonb_agg(
      case when jsonb_typeof(input) = 'object' then input else jsonb_build_object('input', input) end
        || jsonb_build_object('index', index, 'code', code) || error order by index), '[]') as failures
    from (
      select index, input, code, error from tidemark.job_items
      where job_id = $1::uuid and state = 'failed' order by index limit $2::int
    ) as f`,
} as const;
