-- The kinds of jobs that instances of batch run. The gateway checks a spec by its kind's schema before the job starts.
create table tidemark.job_kinds (
  name text primary key check (name ~ '^[a-z][a-z0-9._-]{0,63}$'),
  version integer not null check (version > 0),
  -- A JSON schema.
  spec_schema jsonb not null,
  limits jsonb not null,
  registered_at timestamptz not null default clock_timestamp(),
  -- Each instance with the kind renews this every 10 seconds.
  seen_at timestamptz not null default clock_timestamp()
);
comment on table tidemark.job_kinds is 'kinds of jobs that instances of batch run, with the JSON schema of their specs';
grant select on tidemark.job_kinds to anon, authenticated, service_role, ops, tidemark_gateway, tidemark_metrics;
grant select, insert, update on tidemark.job_kinds to tidemark_batch;

-- What a job that has not started waits for, where that is no free place: an instance that runs its kind.
alter table tidemark.jobs add column waits_for text;
grant select (waits_for) on tidemark.jobs to ops;

-- An item of a chunk is its index and its input, which only the kind understands.
update tidemark.job_chunks c set items = (
    select jsonb_agg(jsonb_build_object('index', item -> 'index', 'input', item - 'index') order by n)
    from jsonb_array_elements(c.items) with ordinality as i (item, n))
  where state in ('planned', 'queued', 'running') and jsonb_array_length(items) > 0;
