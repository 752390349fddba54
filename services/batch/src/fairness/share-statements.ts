/** Rows that are read; the indexes lead to the latest. */
const MAX_READ = 10_000;

export const shareStatements = {
  /** The tenants with most chunks and jobs; the others are "(other)". $1: how many by name. */
  tenants: `
    with shares as (
      select j.tenant, count(*) filter (where j.state = 'queued') as queued, count(*) filter (where j.state <> 'queued') as running,
        coalesce(sum(c.chunks), 0) as chunks
      from (
        (select id, tenant, state from tidemark.jobs where state in ('planning', 'running') limit ${MAX_READ})
        union all (select id, tenant, state from tidemark.jobs where state = 'queued' limit ${MAX_READ})
      ) as j left join (
        select job_id, count(*) as chunks from tidemark.job_chunks where state = 'running' group by job_id) as c on c.job_id = j.id
      group by j.tenant
    ), ranked as (
      select *, row_number() over (order by chunks desc, running desc, queued desc, tenant) <= $1::int as is_shown from shares
    )
    select case when is_shown then tenant else '(other)' end as tenant, sum(queued)::int as queued, sum(running)::int as running,
      sum(chunks)::int as chunks
    from ranked group by 1`,

  /** The targets that are blocked longest or called most; the others are "(other)". $1: how many by name. */
  targets: `
    with shares as (
      select t.kind, t.target, t.tenant, t.allowed, coalesce(c.chunks, 0) as chunks, (t.allowed < 1)::int as open,
        greatest(0, coalesce(extract(epoch from t.blocked_until - clock_timestamp()), 0)) as blocked
      from (select * from tidemark.job_targets order by changed_at desc limit ${MAX_READ}) as t left join (
        select j.kind, c.target, j.tenant, count(*) as chunks from tidemark.job_chunks c join tidemark.jobs j on j.id = c.job_id
        where c.state = 'running' and c.target is not null group by 1, 2, 3) as c using (kind, target, tenant)
    ), ranked as (
      select *, row_number() over (order by blocked desc, open desc, chunks desc, kind, target, tenant) <= $1::int as is_shown
      from shares
    )
    select case when is_shown then kind else '(other)' end as kind, case when is_shown then target else '(other)' end as target,
      case when is_shown then tenant else '(other)' end as tenant, sum(chunks)::int as chunks,
      sum(case when allowed < 1 then 0 else floor(allowed) end)::int as allowed, sum(open)::int as open,
      max(blocked)::float8 as "blockedSeconds"
    from ranked group by 1, 2, 3`,
} as const;
