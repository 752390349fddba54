-- What became of each item of a job, written in the transaction that completes the item's chunk. Nobody may watch it live: it
-- is not in the publication, so that items cost the relay nothing.
create table tidemark.job_items (
  job_id uuid not null references tidemark.jobs on delete cascade,
  index integer not null check (index >= 0),
  -- waiting: it failed and will be tried again.
  state text not null check (state in ('succeeded', 'failed', 'waiting')),
  -- How often it ran.
  attempts integer not null check (attempts >= 0),
  input jsonb,
  value jsonb,
  -- Ids in tidemark.files.
  files uuid[] not null default '{}',
  code text,
  -- The message and hint of the code.
  error jsonb,
  duration_ms double precision,
  ended_at timestamptz not null default clock_timestamp(),
  primary key (job_id, index)
);
comment on table tidemark.job_items is 'results and failures of the items of jobs; who may see a job may see its items';
create index job_items_failures on tidemark.job_items (job_id, code, index) where state = 'failed';
alter table tidemark.job_items enable row level security;
-- The subquery runs under the policies of tidemark.jobs.
create policy job_items_of_job on tidemark.job_items for select to authenticated, service_role
  using (exists (select from tidemark.jobs j where j.id = job_id));
create policy job_items_batch on tidemark.job_items to tidemark_batch using (true) with check (true);
grant select on tidemark.job_items to authenticated, service_role;
grant select, insert, update on tidemark.job_items to tidemark_batch;

-- The failures of a job by their code.
create function tidemark.job_failures(job uuid)
returns table (code text, count bigint, first integer, last integer, sample jsonb)
language sql stable set search_path = '' as $$
  select f.code, f.count, f.first, f.last,
    jsonb_build_object('index', i.index, 'input', i.input, 'message', i.error -> 'message', 'hint', i.error -> 'hint')
  from (
    select i.code, count(*), min(i.index) as first, max(i.index) as last
    from tidemark.job_items i where i.job_id = job_failures.job and i.state = 'failed' group by i.code
  ) as f
  join tidemark.job_items i on i.job_id = job_failures.job and i.index = f.first
  order by f.count desc, f.code
$$;
comment on function tidemark.job_failures(uuid) is 'failures of a job by their code: how many, the first and last index, and one of them';
revoke execute on function tidemark.job_failures(uuid) from public;
grant execute on function tidemark.job_failures(uuid) to authenticated, service_role;

insert into tidemark.job_items (job_id, index, state, attempts, input, code, error, ended_at)
  select c.job_id, (e ->> 'index')::int, 'failed', c.attempt, e - '{index,code,message,hint}'::text[], e ->> 'code',
    jsonb_build_object('message', e -> 'message', 'hint', e -> 'hint'), coalesce(c.finished_at, clock_timestamp())
  from tidemark.job_chunks c, jsonb_array_elements(c.errors) as e where e ? 'index'
  on conflict do nothing;
alter table tidemark.job_chunks drop column errors;

-- A chunk whose process died is split, so that the item that killed it is found. Items that failed and are tried again are
-- chunks of their own, which wait until not_before.
alter table tidemark.job_chunks
  add column not_before timestamptz,
  add column losses integer not null default 0 check (losses >= 0),
  drop constraint job_chunks_state_check,
  add constraint job_chunks_state_check
    check (state in ('planned', 'queued', 'running', 'done', 'split', 'failed', 'cancelled'));
create index job_chunks_due on tidemark.job_chunks (not_before) where state = 'planned' and not_before is not null;
