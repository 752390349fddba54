-- Remedies of findings that operators carried out: each is a row before it begins.
create table tidemark.actions (
  id uuid primary key default gen_random_uuid(),
  rule text not null,
  key text not null,
  sql text not null,
  asked_by text,
  address text not null,
  began_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  -- Null while it runs, or where the service ended meanwhile.
  outcome text check (outcome in ('done', 'nothing', 'failed')),
  detail text
);
comment on table tidemark.actions is 'remedies of findings that operators carried out: who, what, when, and how it ended';
create index actions_began on tidemark.actions (began_at);
alter table tidemark.actions enable row level security;
grant select on tidemark.actions to ops, service_role;
create policy actions_operators on tidemark.actions for select to ops, service_role using (true);
-- What was done stays: nobody deletes rows or changes what they say about who, what and when.
grant select, insert on tidemark.actions to tidemark_metrics;
grant update (ended_at, outcome, detail) on tidemark.actions to tidemark_metrics;
create policy actions_metrics on tidemark.actions to tidemark_metrics using (true) with check (true);

-- What is wrong with jobs. Metrics learns counts, kinds, tenants and ids, and nothing of their inputs.
create function tidemark.job_problems()
returns table (problem text, kind text, tenant text, priority text, job uuid, seconds float8, count integer)
language sql stable security definer set search_path = '' as $$
  -- Only some chunks of each job are queued at a time. One whose target asked to be left alone does not wait for a worker.
  (select 'waiting', (array_agg(j.kind order by c.queued_at))[1], (array_agg(j.tenant order by c.queued_at))[1], j.priority,
      (array_agg(j.id order by c.queued_at))[1], extract(epoch from clock_timestamp() - min(c.queued_at))::float8, count(*)::int
    from tidemark.job_chunks c join tidemark.jobs j on j.id = c.job_id
    where c.state = 'queued' and j.state = 'running' and c.queued_at is not null
      and (c.not_before is null or c.not_before <= clock_timestamp())
      and not exists (select from tidemark.job_targets t
        where t.target = c.target and t.kind = j.kind and t.tenant = j.tenant and t.blocked_until > clock_timestamp())
    group by j.priority)
  union all
  (select 'busy', j.kind, j.tenant, min(j.priority), (array_agg(j.id order by c.started_at))[1],
      coalesce(extract(epoch from clock_timestamp() - min(c.started_at)), 0)::float8, count(*)::int
    from tidemark.job_chunks c join tidemark.jobs j on j.id = c.job_id
    where c.state = 'running' group by j.kind, j.tenant order by count(*) desc limit 1)
  union all
  (select 'overdue', j.kind, j.tenant, j.priority, j.id, extract(epoch from clock_timestamp() - j.deadline)::float8, 1
    from tidemark.jobs j
    where j.state in ('queued', 'planning', 'running', 'paused') and j.deadline is not null and j.deadline < clock_timestamp()
    order by j.deadline limit 5)
  union all
  (select 'dead', j.kind, '', min(j.priority), (array_agg(j.id order by j.created_at))[1],
      extract(epoch from clock_timestamp() - min(j.created_at))::float8, count(*)::int
    from (select i.job_id from tidemark.job_items i where i.dead_letter and i.state = 'failed' limit 10000) as i
    join tidemark.jobs j on j.id = i.job_id group by j.kind)
$$;
comment on function tidemark.job_problems() is 'chunks that wait for a worker, the kind that has most workers, jobs past their deadline, and items that failed for good';
revoke execute on function tidemark.job_problems() from public;
grant execute on function tidemark.job_problems() to tidemark_metrics;

-- Advice about indexes that somebody does not want to see again.
create table tidemark.dismissed_advice (
  key text primary key,
  reason text not null check (length(reason) between 1 and 500),
  dismissed_by text,
  dismissed_at timestamptz not null default clock_timestamp()
);
comment on table tidemark.dismissed_advice is 'advice about indexes that is not shown, who decided so, and why';
alter table tidemark.dismissed_advice enable row level security;
grant select on tidemark.dismissed_advice to ops, service_role;
create policy dismissed_advice_operators on tidemark.dismissed_advice for select to ops, service_role using (true);
grant select, insert, update, delete on tidemark.dismissed_advice to tidemark_metrics;
create policy dismissed_advice_metrics on tidemark.dismissed_advice to tidemark_metrics using (true) with check (true);

-- What statements of users took each day, without their values: for the digest of those that are new or got slower.
create table tidemark.statement_days (
  day date not null,
  shape text not null,
  text text not null,
  calls float8 not null,
  total_ms float8 not null,
  primary key (day, shape)
);
comment on table tidemark.statement_days is 'calls and time of statements by day, for 30 days; the metrics service writes it';
alter table tidemark.statement_days enable row level security;
grant select, insert, update, delete on tidemark.statement_days to tidemark_metrics;
create policy statement_days_metrics on tidemark.statement_days to tidemark_metrics using (true) with check (true);
